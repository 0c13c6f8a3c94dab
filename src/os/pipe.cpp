#include <tenon/os/pipe.hpp>

#include <fcntl.h>
#include <sys/ioctl.h>
#include <unistd.h>
#include <cerrno>
#include <charconv>
#include <climits>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

static_assert(pipe_atomic_write_size == PIPE_BUF);

constexpr const char* max_size_file = "/proc/sys/fs/pipe-max-size";
constexpr const char* user_pages_file = "/proc/sys/fs/pipe-user-pages-soft";

Result<std::size_t> read_limit(const char* path) {
  const Fd file(retry([&] { return ::open(path, O_RDONLY | O_CLOEXEC); }));
  char text[32];
  const ssize_t got = file ? retry([&] { return ::read(file.get(), text, sizeof text); }) : -1;
  if (got < 0) return std::unexpected(Error::from_errno("read the limit", path, errno));
  std::size_t value = 0;
  if (std::from_chars(text, text + got, value).ec != std::errc()) {
    return std::unexpected(Error(Errc::system_error, "read the limit", path, "it holds no number"));
  }
  return value;
}

std::string limit_text(const char* path) {
  const auto value = read_limit(path);
  return (value ? std::to_string(*value) : "unknown") + " (" + path + ")";
}

Error resize_error(std::size_t bytes, int cause) {
  const std::string subject = std::to_string(bytes) + " bytes";
  if (cause == EPERM) {
    const auto largest = pipe_max_capacity();
    const std::string advice = largest && bytes > *largest
                                   ? "the largest allowed is " + limit_text(max_size_file) +
                                         ": ask for less, or have the limit raised"
                                   : "this user's pipes may hold together no more pages than " +
                                         limit_text(user_pages_file) +
                                         ": close or shrink some, or have the limit raised";
    return {Errc::resource_limit, "resize pipe to", subject, advice, cause};
  }
  if (cause == EBUSY) {
    return {Errc::invalid_argument, "resize pipe to", subject, "more than that waits in the pipe: read first",
            cause};
  }
  return Error::from_errno("resize pipe to", subject, cause);
}

}  // namespace

Result<std::size_t> pipe_capacity(int fd) {
  const int bytes = ::fcntl(fd, F_GETPIPE_SZ);
  if (bytes < 0) return std::unexpected(Error::from_errno("get capacity of", "pipe", errno, "is it a pipe?"));
  return static_cast<std::size_t>(bytes);
}

Result<std::size_t> resize_pipe(int fd, std::size_t bytes) {
  if (bytes == 0 || bytes > INT_MAX) return std::unexpected(resize_error(bytes, EINVAL));
  const int granted = ::fcntl(fd, F_SETPIPE_SZ, static_cast<int>(bytes));
  if (granted < 0) return std::unexpected(resize_error(bytes, errno));
  return static_cast<std::size_t>(granted);
}

void enlarge_pipe(int fd) noexcept {
  constexpr int larger = 256 * 1024;
  [[maybe_unused]] const int granted = ::fcntl(fd, F_SETPIPE_SZ, larger);
}

Result<std::size_t> pipe_pending(int fd) {
  int bytes = 0;
  if (::ioctl(fd, FIONREAD, &bytes) < 0)
    return std::unexpected(Error::from_errno("count bytes in", "pipe", errno));
  return static_cast<std::size_t>(bytes);
}

Result<std::size_t> pipe_max_capacity() {
  return read_limit(max_size_file);
}

Result<Pipe> Pipe::create() {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC | O_NONBLOCK) != 0)
    return std::unexpected(Error::from_errno("create", "pipe", errno));
  return Pipe{Fd(ends[0]), Fd(ends[1])};
}

}  // namespace tenon::os
