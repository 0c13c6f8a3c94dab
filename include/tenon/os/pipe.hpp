// The anonymous pipe: a one-way byte stream through a buffer in the kernel, reachable only by whoever holds
// an end.
//
// Here are its two ends and its size. Reading and writing are those of every descriptor (fd.hpp); the
// functions that take a descriptor serve named pipes (fifo.hpp) and inherited ends as well.
#pragma once

#include <cstddef>

#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// Writes of up to this many bytes are atomic: the bytes of several writers are never mixed, and a
/// non-blocking write takes all or nothing (PIPE_BUF, pipe(7)). A longer write may be mixed with others' and
/// may be cut.
inline constexpr std::size_t pipe_atomic_write_size = 4096;

/// How many bytes the pipe can hold: 65,536 unless resized, less for a user with very many pipes.
/// F_GETPIPE_SZ, fcntl(2). `fd` is either end. Errors: system_error (not a pipe).
TENON_EXPORT Result<std::size_t> pipe_capacity(int fd);

/// Asks for room for at least `bytes` and returns the new capacity: the kernel rounds up to a power of two of
/// pages. F_SETPIPE_SZ, fcntl(2). What is in the pipe stays in it. Errors: resource_limit (beyond
/// pipe_max_capacity(), or this user's pipes are too large together; the text names the limit and its value),
/// invalid_argument (more than `bytes` wait in the pipe, or 0, or beyond 2 GiB).
TENON_EXPORT Result<std::size_t> resize_pipe(int fd, std::size_t bytes);

/// Asks for 256 KiB, quietly: it pays for long messages, and is not worth an error where a limit is in the way.
TENON_EXPORT void enlarge_pipe(int fd) noexcept;

/// How many bytes wait to be read: FIONREAD, pipe(7). A moment later it may be more, and if others read,
/// less.
TENON_EXPORT Result<std::size_t> pipe_pending(int fd);

/// The capacity up to which an ordinary user may resize a pipe: /proc/sys/fs/pipe-max-size, 1 MiB unless the
/// administrator changed it. Processes with CAP_SYS_RESOURCE may go beyond. Errors: those of reading the
/// file.
TENON_EXPORT Result<std::size_t> pipe_max_capacity();

/// Two ends, each closed when it is destroyed or reset(). Move either out to give it to someone else.
///
/// The reader sees the end of the stream once every copy of the write end is closed, so a process that only
/// reads resets its write end (and a child its own copy); a writer gets Errc::closed once every read end is
/// closed. Any number of threads and processes may write (see pipe_atomic_write_size); what one reader has
/// read is gone for the others.
struct TENON_EXPORT Pipe {
  static constexpr std::size_t atomic_write_size = pipe_atomic_write_size;

  /// A new pipe; both ends close-on-exec and non-blocking. pipe2(2). Errors: resource_limit (descriptors).
  static Result<Pipe> create();

  Fd read_end;
  Fd write_end;

  /// pipe_capacity(), resize_pipe() and pipe_pending() of this pipe. At least one end must still be here.
  Result<std::size_t> capacity() const { return pipe_capacity(any_end()); }
  Result<std::size_t> resize(std::size_t bytes) { return resize_pipe(any_end(), bytes); }
  Result<std::size_t> pending() const { return pipe_pending(any_end()); }

 private:
  int any_end() const noexcept { return read_end ? read_end.get() : write_end.get(); }
};

}  // namespace tenon::os
