// The floor of file:: a plain file for each direction, written at its end and read behind it. Who sleeps is woken by
// inotify(7).
#include <fcntl.h>
#include <sys/inotify.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <vector>

#include <fmt/format.h>
#include <tenon/os/fd.hpp>

#include "base/try.hpp"
#include "bench/floors/floor.hpp"
#include "bench/floors/patience.hpp"

namespace bench {
namespace {

using tenon::ByteSpan;
using tenon::ByteView;
using tenon::Error;
using tenon::Result;
using tenon::os::Fd;

class FileLink final : public Link {
 public:
  FileLink(const Setting& setting, Fd in, Fd out, Fd watch)
      : in_(std::move(in)),
        out_(std::move(out)),
        watch_(std::move(watch)),
        patience_(setting, false),
        buffer_(setting.size) {}

  Result<void> send(ByteView message) override {
    while (!message.empty()) {
      const ssize_t went = ::write(out_.get(), message.data(), message.size());
      ++calls_.moving;
      if (went < 0) return std::unexpected(Error::from_errno("write", "the floor", errno));
      message = message.subspan(static_cast<std::size_t>(went));
    }
    return {};
  }

  Result<ByteView> receive() override {
    patience_.begin();
    for (ByteSpan left = buffer_; !left.empty();) {
      const ssize_t got = ::pread(in_.get(), left.data(), left.size(), at_);
      ++calls_.moving;
      if (got < 0) return std::unexpected(Error::from_errno("read", "the floor", errno));
      at_ += got;
      left = left.subspan(static_cast<std::size_t>(got));
      if (got > 0) {
        patience_.begin();
      } else if (patience_.next() == Patience::Next::sleep) {
        std::array<std::byte, 4096> events;
        ++calls_.waiting;
        if (::read(watch_.get(), events.data(), events.size()) < 0 && errno != EINTR)
          return std::unexpected(Error::from_errno("wait for", "the floor", errno));
      }
    }
    return buffer_;
  }

  Calls calls() const override { return calls_; }
  std::uint64_t most_bytes() const override { return std::uint64_t{64} << 20U; }

 private:
  Fd in_;
  Fd out_;
  Fd watch_;
  Patience patience_;
  Calls calls_;
  std::vector<std::byte> buffer_;
  off_t at_ = 0;
};

class FileMeeting final : public Meeting {
 public:
  explicit FileMeeting(const Setting& setting) : setting_(setting) {}
  ~FileMeeting() override {
    for (unsigned side : {0U, 1U}) ::unlink(path(side).c_str());
  }

  Result<void> open() {
    for (unsigned side : {0U, 1U}) {
      writers_[side] =
          Fd(::open(path(side).c_str(), O_WRONLY | O_APPEND | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
      readers_[side] = Fd(::open(path(side).c_str(), O_RDONLY | O_CLOEXEC));
      if (!writers_[side] || !readers_[side]) return failed("open", side);
      if (setting_.waiting == Waiting::spin) continue;
      watches_[side] = Fd(::inotify_init1(IN_CLOEXEC));
      if (!watches_[side] || ::inotify_add_watch(watches_[side].get(), path(side).c_str(), IN_MODIFY) < 0)
        return failed("watch", side);
    }
    return {};
  }

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange&) override {
    return std::make_unique<FileLink>(setting_, std::move(readers_[1 - side]), std::move(writers_[side]),
                                      std::move(watches_[1 - side]));
  }

 private:
  std::string path(unsigned side) const {
    return fmt::format("{}/file-{}-{}", setting_.folder, setting_.unique, side);
  }
  std::unexpected<Error> failed(const char* operation, unsigned side) const {
    return std::unexpected(Error::from_errno(operation, path(side), errno));
  }

  Setting setting_;
  std::array<Fd, 2> writers_;
  std::array<Fd, 2> readers_;
  std::array<Fd, 2> watches_;
};

}  // namespace

Result<MeetingPtr> prepare_file_floor(const Setting& setting) {
  auto meeting = std::make_unique<FileMeeting>(setting);
  TRY(meeting->open());
  return meeting;
}

}  // namespace bench
