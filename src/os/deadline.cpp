#include <tenon/deadline.hpp>

#include <sys/eventfd.h>
#include <unistd.h>
#include <cerrno>
#include <cstdint>

namespace tenon {

Result<Canceller> Canceller::create() {
  const int fd = ::eventfd(0, EFD_CLOEXEC | EFD_NONBLOCK);
  if (fd < 0) return std::unexpected(Error::from_errno("create", "canceller", errno));
  return Canceller(fd);
}

Canceller::Canceller(Canceller&& other) noexcept
    : fd_(std::exchange(other.fd_, -1)), cancelled_(other.cancelled()) {}

Canceller& Canceller::operator=(Canceller&& other) noexcept {
  std::swap(fd_, other.fd_);
  const bool mine = cancelled();
  cancelled_.store(other.cancelled(), std::memory_order_release);
  other.cancelled_.store(mine, std::memory_order_release);
  return *this;
}

Canceller::~Canceller() {
  if (fd_ >= 0) ::close(fd_);
}

void Canceller::cancel() noexcept {
  const int saved_errno = errno;  // may run in a signal handler
  cancelled_.store(true, std::memory_order_release);
  const std::uint64_t one = 1;
  [[maybe_unused]] const auto written = ::write(fd_, &one, sizeof one);  // EAGAIN: it is readable already
  errno = saved_errno;
}

void Canceller::reset() noexcept {
  cancelled_.store(false, std::memory_order_release);
  std::uint64_t count = 0;
  [[maybe_unused]] const auto read = ::read(fd_, &count, sizeof count);  // EAGAIN: it was not set
}

}  // namespace tenon
