#include <tenon/os/fd.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <ctime>
#include <string>

#include "base/try.hpp"
#include "os/retry.hpp"
#include "os/sigpipe.hpp"
#include "os/wait.hpp"

namespace tenon::os {

void Fd::reset() noexcept {
  if (fd_ < 0) return;
  const int saved_errno = errno;
  ::close(std::exchange(fd_, -1));  // EINTR: Linux has closed it all the same (close(2))
  errno = saved_errno;
}

Result<Fd> duplicate(int fd) {
  const int copy = ::fcntl(fd, F_DUPFD_CLOEXEC, 0);
  if (copy >= 0) return Fd(copy);
  const std::string subject = "descriptor " + std::to_string(fd);
  if (errno != EBADF) return std::unexpected(Error::from_errno("duplicate", subject, errno));
  return std::unexpected(
      Error(Errc::invalid_argument, "duplicate", subject, "it is not open in this process", EBADF));
}

Result<Fd> Fd::duplicate() const {
  return os::duplicate(fd_);
}

Result<void> wait_for(int fd, Wait what, Deadline deadline) {
  return wait_for_either(fd, what, -1, deadline);
}

Result<void> wait_for_either(int fd, Wait what, int other, Deadline deadline) {
  const short events = what == Wait::readable ? POLLIN : POLLOUT;
  std::array<pollfd, 3> waits{pollfd{fd, events, 0}, pollfd{other, POLLIN, 0}, pollfd{-1, POLLIN, 0}};
  if (deadline.canceller() != nullptr) waits[2].fd = deadline.canceller()->poll_fd();
  for (;;) {
    timespec left{};
    if (!deadline.is_never()) {
      const auto remaining = deadline.remaining();
      const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(remaining);
      left.tv_sec = seconds.count();
      left.tv_nsec = (remaining - seconds).count();
    }
    const int ready = ::ppoll(waits.data(), waits.size(), deadline.is_never() ? nullptr : &left, nullptr);
    if (ready < 0 && errno != EINTR)
      return std::unexpected(Error::from_errno("wait for", "descriptor", errno));
    if (ready > 0 && (waits[0].revents != 0 || waits[1].revents != 0)) return {};
    if (deadline.cancelled()) return std::unexpected(Error(Errc::cancelled, "wait for"));
    if (ready <= 0 && deadline.expired()) return std::unexpected(Error(Errc::timed_out, "wait for"));
  }
}

Result<std::size_t> read_some(int fd, ByteSpan buffer, Deadline deadline) {
  for (;;) {
    const ssize_t got = retry([&] { return ::read(fd, buffer.data(), buffer.size()); });
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EAGAIN) return std::unexpected(Error::from_errno("read", "descriptor", errno));
    TRY(wait_for(fd, Wait::readable, deadline));
  }
}

Result<std::size_t> read_full(int fd, ByteSpan buffer, Deadline deadline) {
  std::size_t done = 0;
  while (done < buffer.size()) {
    const std::size_t got = TRY(read_some(fd, buffer.subspan(done), deadline));
    if (got == 0) break;
    done += got;
  }
  return done;
}

Result<std::size_t> write_some(int fd, ByteView bytes, Deadline deadline) {
  const iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  for (;;) {
    const ssize_t put = retry([&] { return writev_no_sigpipe(fd, &part, 1); });
    if (put >= 0) return static_cast<std::size_t>(put);
    if (errno != EAGAIN) return std::unexpected(Error::from_errno("write", "descriptor", errno));
    TRY(wait_for(fd, Wait::writable, deadline));
  }
}

Result<void> write_all(int fd, ByteView bytes, Deadline deadline) {
  while (!bytes.empty()) bytes = bytes.subspan(TRY(write_some(fd, bytes, deadline)));
  return {};
}

Result<void> set_nonblocking(int fd, bool on) {
  const int flags = ::fcntl(fd, F_GETFL);
  const int wanted = on ? flags | O_NONBLOCK : flags & ~O_NONBLOCK;
  if (flags < 0 || (flags != wanted && ::fcntl(fd, F_SETFL, wanted) < 0)) {
    return std::unexpected(Error::from_errno("set O_NONBLOCK of", "descriptor", errno));
  }
  return {};
}

}  // namespace tenon::os
