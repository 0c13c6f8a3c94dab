// The floor of sysv-mq:. Messages longer than the system's limit go in several. A queue has no descriptor: its number
// is noted in the exchange, so that somebody removes it whatever happens.
#include <sys/ipc.h>
#include <sys/msg.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <vector>

#include "base/try.hpp"
#include "bench/floors/floor.hpp"
#include "bench/floors/patience.hpp"

namespace bench {
namespace {

using tenon::ByteView;
using tenon::Error;
using tenon::Result;

std::size_t longest() {
  std::size_t most = 8192;
  std::size_t room = 16384;
  std::ifstream("/proc/sys/kernel/msgmax") >> most;
  std::ifstream("/proc/sys/kernel/msgmnb") >> room;
  return std::min(most, room);
}

class QueueLink final : public Link {
 public:
  QueueLink(const Setting& setting, int in, int out)
      : in_(in),
        out_(out),
        piece_(std::min(setting.size, longest())),
        patience_(setting, false),
        buffer_(setting.size),
        staging_(sizeof(long) + piece_) {}

  Result<void> send(ByteView message) override {
    while (!message.empty()) {
      const std::size_t size = std::min(message.size(), piece_);
      const long type = 1;
      std::memcpy(staging_.data(), &type, sizeof type);
      std::memcpy(staging_.data() + sizeof type, message.data(), size);
      if (!persist_here([&](int flags) { return ssize_t{::msgsnd(out_, staging_.data(), size, flags)}; }))
        return std::unexpected(Error::from_errno("send", "the floor", errno));
      message = message.subspan(size);
    }
    return {};
  }

  Result<ByteView> receive() override {
    for (std::size_t at = 0; at < buffer_.size();) {
      ssize_t got = 0;
      if (!persist_here([&](int flags) { return got = ::msgrcv(in_, staging_.data(), piece_, 0, flags); }))
        return std::unexpected(Error::from_errno("receive", "the floor", errno));
      std::memcpy(buffer_.data() + at, staging_.data() + sizeof(long), static_cast<std::size_t>(got));
      at += static_cast<std::size_t>(got);
    }
    return buffer_;
  }

  Calls calls() const override { return calls_; }

 private:
  /// No poll(2) here: to sleep is to make the call without IPC_NOWAIT.
  template <typename Call>
  bool persist_here(Call call) {
    patience_.begin();
    int flags = patience_.never_spins() ? 0 : IPC_NOWAIT;
    for (;;) {
      ++calls_.moving;
      if (call(flags) >= 0) return true;
      if (errno == EINTR) continue;
      if (errno != EAGAIN && errno != ENOMSG) return false;
      if (patience_.next() == Patience::Next::sleep) flags = 0;
    }
  }

  int in_;
  int out_;
  std::size_t piece_;
  Patience patience_;
  Calls calls_;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> staging_;
};

class QueueMeeting final : public Meeting {
 public:
  explicit QueueMeeting(const Setting& setting) : setting_(setting) {}
  ~QueueMeeting() override {
    for (const int id : ids_) {
      if (id >= 0) ::msgctl(id, IPC_RMID, nullptr);
    }
  }
  Result<void> open() {
    for (int& id : ids_) {
      id = ::msgget(IPC_PRIVATE, 0600);
      if (id < 0) return std::unexpected(Error::from_errno("make", "a System V queue", errno));
    }
    return {};
  }
  Result<std::unique_ptr<Link>> join(unsigned side, Exchange& exchange) override {
    exchange.queues()[side].store(ids_[side], std::memory_order_relaxed);
    return std::make_unique<QueueLink>(setting_, ids_[1 - side], ids_[side]);
  }

 private:
  Setting setting_;
  std::array<int, 2> ids_{-1, -1};
};

}  // namespace

Result<MeetingPtr> prepare_sysv_queue_floor(const Setting& setting) {
  auto meeting = std::make_unique<QueueMeeting>(setting);
  TRY(meeting->open());
  return meeting;
}

}  // namespace bench
