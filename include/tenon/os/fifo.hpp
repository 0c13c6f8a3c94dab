// The named pipe (FIFO): a pipe that unrelated processes find by its path. The path holds no data, it only
// names the pipe.
//
// This makes and removes the name, and opens the ends without ever hanging: the system's own blocking open(2)
// waits for the other end with no limit. Reading and writing are those of every descriptor (fd.hpp), size
// those of pipes (pipe.hpp). Source: fifo(7), mkfifo(3), open(2).
#pragma once

#include <string>

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/owned_name.hpp>

namespace tenon::os {

/// A named pipe that this object made, and removes on destruction (see OwnedName). The ends are opened by
/// anyone, with the static functions; they go on working after the name is gone.
///
/// Every open function refuses a symbolic link, anything that is no named pipe (invalid_argument) and, unless
/// `trust` says otherwise, a pipe of another user than this one or root (permission_denied). Further errors:
/// not_found, resource_limit. Descriptors are close-on-exec and non-blocking. All static functions may be
/// called from any thread.
class TENON_EXPORT Fifo {
 public:
  /// Makes the name, with exactly `mode` whatever the umask: owner-only unless widened. mkfifo(3).
  /// Errors: already_exists (the text says what stands there), not_found (the folder), permission_denied.
  static Result<Fifo> create(std::string path, unsigned mode = 0600);

  /// Opens the read end and waits until a writer has opened the pipe; if it wrote and left meanwhile, its
  /// bytes are there. When the last writer has closed, reads give 0 (the end of the stream); for the next
  /// writer open again. While it waits the pipe counts as having a reader. A writer that stays silent is
  /// noticed within 50 ms, one that writes or leaves at once. Errors: timed_out, cancelled.
  static Result<Fd> open_reader(const std::string& path, Deadline deadline = Deadline::never(),
                                Trust trust = Trust::own_or_root);

  /// Opens the read end without waiting. Until the first writer comes, reads give 0 as at the end of the
  /// stream: wait with wait_for(readable) first.
  static Result<Fd> open_reader_at_once(const std::string& path, Trust trust = Trust::own_or_root);

  /// Waits until a reader has opened the pipe, and opens the write end. The system cannot tell when a reader
  /// comes (ENXIO, open(2)), so this asks again after 1 ms, then ever longer, up to every 50 ms. Errors:
  /// timed_out (Deadline::now(): no reader is there now), cancelled.
  static Result<Fd> open_writer(const std::string& path, Deadline deadline = Deadline::never(),
                                Trust trust = Trust::own_or_root);

  /// Opens both ends in one descriptor, at once: Linux allows it, POSIX does not define it (fifo(7)). It
  /// never sees the end of the stream, nor EPIPE, since it is a reader and a writer itself; and what it
  /// writes it may read itself.
  static Result<Fd> open_both(const std::string& path, Trust trust = Trust::own_or_root);

  const std::string& path() const noexcept { return name_.path(); }
  /// Removes the name now: see OwnedName::remove().
  Result<bool> remove() noexcept { return name_.remove(); }
  /// Leaves the name behind.
  void keep() noexcept { name_.keep(); }

 private:
  explicit Fifo(OwnedName name) noexcept : name_(std::move(name)) {}
  OwnedName name_;
};

}  // namespace tenon::os
