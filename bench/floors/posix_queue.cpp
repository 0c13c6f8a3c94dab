// The floor of posix-mq:. Its queues are as large as those of a channel: all queues of a user come out of one small
// limit (RLIMIT_MSGQUEUE), so larger ones would be fewer connections, not a better way to write. Longer messages go in
// several.
#include <fcntl.h>
#include <mqueue.h>
#include <algorithm>
#include <array>
#include <fstream>
#include <vector>

#include <fmt/format.h>
#include <tenon/os/fd.hpp>

#include "base/try.hpp"
#include "bench/floors/floor.hpp"
#include "bench/floors/patience.hpp"

namespace bench {
namespace {

using tenon::ByteView;
using tenon::Error;
using tenon::Result;
using tenon::os::Fd;  // on Linux a queue's descriptor is a file descriptor (mq_overview(7))

constexpr std::size_t most_messages = 10;  // as posix-mq: asks for
constexpr std::size_t longest_message = 1536;

std::size_t at_most(const char* name, std::size_t wanted) {
  std::size_t allowed = wanted;
  std::ifstream(fmt::format("/proc/sys/fs/mqueue/{}", name)) >> allowed;
  return std::min(allowed, wanted);
}

class QueueLink final : public Link {
 public:
  QueueLink(const Setting& setting, Fd in, Fd out, std::size_t piece)
      : in_(std::move(in)),
        out_(std::move(out)),
        piece_(piece),
        patience_(setting, false),
        buffer_(setting.size) {}

  Result<void> send(ByteView message) override {
    while (!message.empty()) {
      const auto part = message.first(std::min(message.size(), piece_));
      const int result = persist(patience_, calls_, out_.get(), POLLOUT, false, [&] {
        return ::mq_send(out_.get(), reinterpret_cast<const char*>(part.data()), part.size(), 0);
      });
      if (result != 0) return std::unexpected(Error::from_errno("send", "the floor", errno));
      message = message.subspan(part.size());
    }
    return {};
  }

  Result<ByteView> receive() override {
    for (std::size_t at = 0; at < buffer_.size();) {
      // The room given must be as long as the queue's longest message: the last piece has to end at the buffer's end.
      const bool fits = buffer_.size() - at >= piece_;
      auto& into = fits ? buffer_ : tail_;
      if (!fits) tail_.resize(piece_);
      const std::size_t from = fits ? at : 0;
      const ssize_t got = persist(patience_, calls_, in_.get(), POLLIN, false, [&] {
        return ::mq_receive(in_.get(), reinterpret_cast<char*>(into.data() + from), piece_, nullptr);
      });
      if (got <= 0) return std::unexpected(Error::from_errno("receive", "the floor", errno));
      if (!fits) std::copy_n(tail_.begin(), got, buffer_.begin() + static_cast<std::ptrdiff_t>(at));
      at += static_cast<std::size_t>(got);
    }
    return buffer_;
  }

  Calls calls() const override { return calls_; }

 private:
  Fd in_;
  Fd out_;
  std::size_t piece_;
  Patience patience_;
  Calls calls_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> tail_;
};

class QueueMeeting final : public Meeting {
 public:
  explicit QueueMeeting(const Setting& setting)
      : setting_(setting), piece_(at_most("msgsize_max", std::min(setting.size, longest_message))) {}

  Result<void> open() {
    for (Fd& queue : queues_) {
      const auto name = fmt::format("/{}-{}-{}", setting_.folder.substr(setting_.folder.rfind('/') + 1),
                                    setting_.unique, &queue - queues_.data());
      mq_attr attributes{};
      attributes.mq_maxmsg = static_cast<long>(at_most("msg_max", most_messages));
      attributes.mq_msgsize = static_cast<long>(piece_);
      const bool blocks = Patience(setting_, false).never_spins();
      queue = Fd(::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC | (blocks ? 0 : O_NONBLOCK),
                           0600, &attributes));
      if (!queue) return std::unexpected(Error::from_errno("open", name, errno));
      ::mq_unlink(name.c_str());
    }
    return {};
  }

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange&) override {
    return std::make_unique<QueueLink>(setting_, std::move(queues_[1 - side]), std::move(queues_[side]),
                                       piece_);
  }

 private:
  Setting setting_;
  std::size_t piece_;
  std::array<Fd, 2> queues_;
};

}  // namespace

Result<MeetingPtr> prepare_posix_queue_floor(const Setting& setting) {
  auto meeting = std::make_unique<QueueMeeting>(setting);
  TRY(meeting->open());
  return meeting;
}

}  // namespace bench
