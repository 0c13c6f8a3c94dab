#include <tenon/os/eventfd.hpp>

#include <fcntl.h>
#include <sys/eventfd.h>
#include <unistd.h>
#include <cerrno>
#include <limits>
#include <span>
#include <string>
#include <string_view>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

bool is_eventfd(int fd) {
  char target[64];
  const std::string link = "/proc/self/fd/" + std::to_string(fd);
  const ssize_t length = ::readlink(link.c_str(), target, sizeof target);
  if (length < 0) return errno != EBADF && ::fcntl(fd, F_GETFD) >= 0 && ::access("/proc/self/fd", F_OK) != 0;
  return std::string_view(target, static_cast<std::size_t>(length)) == "anon_inode:[eventfd]";
}

}  // namespace

Result<EventFd> EventFd::create(std::uint64_t initial, Mode mode) {
  const int flags = EFD_CLOEXEC | EFD_NONBLOCK | (mode == Mode::semaphore ? EFD_SEMAPHORE : 0);
  EventFd created(Fd(::eventfd(0, flags)));
  if (!created.fd_) return std::unexpected(Error::from_errno("create", "eventfd", errno));
  TRY(created.notify(initial));  // not eventfd's argument, which has 32 bits
  return created;
}

Result<EventFd> EventFd::adopt(Fd fd) {
  if (!is_eventfd(fd.get())) {
    return std::unexpected(Error(Errc::invalid_argument, "adopt as eventfd",
                                 "descriptor " + std::to_string(fd.get()),
                                 "it is closed, or something else"));
  }
  TRY(set_nonblocking(fd.get(), true));
  if (::fcntl(fd.get(), F_SETFD, FD_CLOEXEC) < 0)
    return std::unexpected(Error::from_errno("adopt", "eventfd", errno));
  return EventFd(std::move(fd));
}

Result<void> EventFd::notify(std::uint64_t count) const {
  if (retry([&] { return ::write(fd_.get(), &count, sizeof count); }) >= 0) return {};
  if (errno == EAGAIN) {
    return std::unexpected(Error(Errc::resource_limit, "notify", "eventfd",
                                 "the counter would pass 2^64 - 2: nobody waits for it", EAGAIN));
  }
  if (errno == EINVAL) {
    return std::unexpected(
        Error(Errc::invalid_argument, "notify", "eventfd", "2^64 - 1 cannot be added", EINVAL));
  }
  return std::unexpected(Error::from_errno("notify", "eventfd", errno));
}

Result<std::uint64_t> EventFd::wait(Deadline deadline) const {
  std::uint64_t count = 0;
  const auto got = read_some(fd_.get(), std::as_writable_bytes(std::span(&count, 1)), deadline);
  if (!got)
    return std::unexpected(
        Error(got.error().code(), "wait for eventfd", nullptr, got.error().system_errno()));
  return count;
}

}  // namespace tenon::os
