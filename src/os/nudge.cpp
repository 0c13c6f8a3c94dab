#include "os/nudge.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstddef>
#include <cstdio>
#include <cstring>

#include "os/retry.hpp"

namespace tenon::os {
namespace {

/// Whoever nudges without end is heard again later.
constexpr int most_reads = 16;

constexpr std::uint32_t event_of(Nudge how) noexcept {
  switch (how) {
    case Nudge::by_reading:
      return IN_ACCESS;
    case Nudge::by_touching:
      return IN_ATTRIB;
    case Nudge::by_writing:
      return IN_MODIFY;
  }
  return 0;
}

Error not_watched(int cause) {
  switch (cause) {
    case EMFILE:
      return Error::from_errno(
          "watch", "file", cause,
          "this process has no file descriptor left (ulimit -n), or this user no inotify instance "
          "(/proc/sys/fs/inotify/max_user_instances): close some, or raise the limit");
    case ENOSPC:
      return Error::from_errno(
          "watch", "file", cause,
          "this user watches too many files: raise /proc/sys/fs/inotify/max_user_watches");
    default:
      return Error::from_errno("watch", "file", cause);
  }
}

}  // namespace

void nudge(int fd, Nudge how, std::uint64_t at) noexcept {
  char byte = 0;
  const auto offset = static_cast<off_t>(at);
  switch (how) {
    case Nudge::by_reading:
      static_cast<void>(retry([&] { return ::pread(fd, &byte, 1, offset); }));
      return;
    case Nudge::by_touching:
      ::futimens(fd, nullptr);
      return;
    case Nudge::by_writing:
      static_cast<void>(retry([&] { return ::pwrite(fd, &byte, 1, offset); }));
      return;
  }
}

Result<NudgeWatch> NudgeWatch::create(int file, Nudge how) {
  NudgeWatch made(Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)));
  if (!made.inotify_) return std::unexpected(not_watched(errno));
  std::array<char, 32> path;
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", file);
  if (::inotify_add_watch(made.inotify_.get(), path.data(), event_of(how) | IN_CLOSE_WRITE) < 0)
    return std::unexpected(not_watched(errno));
  return made;
}

bool NudgeWatch::drain() const noexcept {
  bool closed = false;
  alignas(inotify_event) std::array<std::byte, 1024> events;
  for (int rounds = 0; rounds < most_reads; ++rounds) {
    const auto got = retry([&] { return ::read(inotify_.get(), events.data(), events.size()); });
    for (std::size_t at = 0; at + sizeof(inotify_event) <= static_cast<std::size_t>(got > 0 ? got : 0);) {
      inotify_event event;
      std::memcpy(&event, events.data() + at, sizeof event);
      at += sizeof event + event.len;
      closed = closed || (event.mask & (IN_CLOSE_WRITE | IN_Q_OVERFLOW)) != 0;
    }
    if (got < static_cast<ssize_t>(events.size())) break;
  }
  return closed;
}

}  // namespace tenon::os
