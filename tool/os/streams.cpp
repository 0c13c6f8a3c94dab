#include "os/streams.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ioctl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tool {
namespace {

using tenon::Errc;
using tenon::Error;

const char* name_of(int fd) noexcept {
  switch (fd) {
    case standard_input:
      return "standard input";
    case standard_output:
      return "standard output";
    case standard_error:
      return "standard error";
    default:
      return "file";
  }
}

/// Waits without making the descriptor non-blocking.
tenon::Result<void> wait_for(int fd, short events, const tenon::Canceller& canceller) {
  std::array<pollfd, 2> waits{pollfd{fd, events, 0}, pollfd{canceller.poll_fd(), POLLIN, 0}};
  const int ready = tenon::os::retry([&] { return ::poll(waits.data(), waits.size(), -1); });
  if (ready < 0) return std::unexpected(Error::from_errno("wait for", name_of(fd), errno));
  if (canceller.cancelled()) return std::unexpected(Error(Errc::cancelled, "wait for", name_of(fd)));
  return {};
}

}  // namespace

void keep_standard_descriptors() noexcept {
  // The wrong direction on purpose: reading or writing fails with EBADF, as on a closed descriptor.
  for (const int fd : {standard_input, standard_output, standard_error}) {
    if (::fcntl(fd, F_GETFD) == -1) (void)::open("/dev/null", fd == standard_input ? O_WRONLY : O_RDONLY);
  }
}

bool is_terminal(int fd) noexcept {
  return ::isatty(fd) == 1;
}

std::size_t terminal_width(int fd) noexcept {
  constexpr std::size_t usual = 80;
  winsize size{};
  if (::ioctl(fd, TIOCGWINSZ, &size) != 0 || size.ws_col == 0) return usual;  // ioctl_tty(2)
  return std::max<std::size_t>(size.ws_col, 2);
}

tenon::Result<std::size_t> read_input(int fd, tenon::ByteSpan into, const tenon::Canceller& canceller) {
  for (;;) {
    TRY(wait_for(fd, POLLIN, canceller));
    const ssize_t got = ::read(fd, into.data(), into.size());
    if (got >= 0) return static_cast<std::size_t>(got);
    if (errno != EAGAIN && errno != EINTR) {
      return std::unexpected(Error::from_errno("read", name_of(fd), errno));
    }
  }
}

bool input_ready(int fd) noexcept {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

tenon::Result<void> write_output(int fd, tenon::ByteView bytes, const tenon::Canceller& canceller) {
  while (!bytes.empty()) {
    const ssize_t put = ::write(fd, bytes.data(), bytes.size());
    if (put >= 0) {
      bytes = bytes.subspan(static_cast<std::size_t>(put));
    } else if (errno == EAGAIN) {
      TRY(wait_for(fd, POLLOUT, canceller));
    } else if (errno != EINTR) {
      return std::unexpected(Error::from_errno("write", name_of(fd), errno));
    } else if (canceller.cancelled()) {
      return std::unexpected(Error(Errc::cancelled, "write", name_of(fd)));
    }
  }
  return {};
}

tenon::Result<tenon::os::Fd> open_input(const std::string& path) {
  const int fd = ::open(path.c_str(), O_RDONLY | O_CLOEXEC);
  if (fd < 0) return std::unexpected(Error::from_errno("open", path, errno));
  return tenon::os::Fd(fd);
}

tenon::Result<tenon::os::Fd> open_output(const std::string& path) {
  const int fd = ::open(path.c_str(), O_WRONLY | O_CREAT | O_TRUNC | O_CLOEXEC, 0666);
  if (fd < 0) return std::unexpected(Error::from_errno("create", path, errno));
  return tenon::os::Fd(fd);
}

std::optional<std::uint64_t> size_left(int fd) noexcept {
  struct stat status{};
  if (::fstat(fd, &status) != 0 || !S_ISREG(status.st_mode)) return std::nullopt;
  const off_t at = ::lseek(fd, 0, SEEK_CUR);
  if (at < 0 || at > status.st_size) return std::nullopt;
  return static_cast<std::uint64_t>(status.st_size - at);
}

}  // namespace tool
