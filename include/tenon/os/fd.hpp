// A file descriptor that has an owner, and the waits and whole transfers that every descriptor needs.
//
// Every descriptor that tenon opens is close-on-exec and non-blocking; a wait is a poll(2) with the deadline,
// so no call outlives it. EINTR is handled here and never seen by a caller.
#pragma once

#include <cstddef>
#include <string_view>
#include <utility>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>

namespace tenon::os {

/// Owns one descriptor and closes it. Move-only; -1 is "none". Thread rules are those of the object behind
/// it.
class TENON_EXPORT Fd {
 public:
  Fd() noexcept = default;
  /// Takes ownership of `fd`.
  explicit Fd(int fd) noexcept : fd_(fd) {}
  Fd(Fd&& other) noexcept : fd_(std::exchange(other.fd_, -1)) {}
  Fd& operator=(Fd&& other) noexcept {
    if (this != &other) {
      reset();
      fd_ = std::exchange(other.fd_, -1);
    }
    return *this;
  }
  ~Fd() { reset(); }

  int get() const noexcept { return fd_; }
  explicit operator bool() const noexcept { return fd_ >= 0; }
  /// Gives ownership to the caller.
  [[nodiscard]] int release() noexcept { return std::exchange(fd_, -1); }
  void reset() noexcept;
  /// os::duplicate of this one.
  Result<Fd> duplicate() const;

 private:
  int fd_ = -1;
};

enum class Wait { readable, writable };

/// Waits until `fd` is ready, has failed, or its peer is gone (poll(2): POLLIN or POLLOUT, POLLERR, POLLHUP).
/// Returns true when ready. Errors: timed_out, cancelled.
TENON_EXPORT Result<void> wait_for(int fd, Wait what, Deadline deadline);

/// Reads what is there, at least one byte, waiting for it. 0 is the end of the file or stream. read(2).
/// `fd` must be non-blocking. Errors: timed_out, cancelled, closed (ECONNRESET), system_error.
TENON_EXPORT Result<std::size_t> read_some(int fd, ByteSpan buffer, Deadline deadline = Deadline::never());

/// Reads until `buffer` is full or the stream ends; returns how many bytes. On timed_out what was read is
/// lost: use read_some where that matters.
TENON_EXPORT Result<std::size_t> read_full(int fd, ByteSpan buffer, Deadline deadline = Deadline::never());

/// Writes at least one byte (unless `bytes` is empty), waiting for room. write(2). Never raises SIGPIPE.
/// Errors: timed_out, cancelled, closed (EPIPE: nobody reads any more), resource_limit (ENOSPC).
TENON_EXPORT Result<std::size_t> write_some(int fd, ByteView bytes, Deadline deadline = Deadline::never());

/// Writes all of `bytes`. On an error some may have been written.
TENON_EXPORT Result<void> write_all(int fd, ByteView bytes, Deadline deadline = Deadline::never());

/// O_NONBLOCK on or off. The flag belongs to the open file description: whoever shares it sees the change.
TENON_EXPORT Result<void> set_nonblocking(int fd, bool on);

/// Another descriptor of the same open file description, close-on-exec. fcntl(2), F_DUPFD_CLOEXEC.
/// Errors: invalid_argument (`fd` is not open), resource_limit.
TENON_EXPORT Result<Fd> duplicate(int fd);

}  // namespace tenon::os
