// A lock on an open file that the kernel releases when its holder ends, however it ends.
//
// These are open-file-description locks (F_OFD_SETLK, fcntl(2)). They belong to the opening, not to the
// process: two openings in one process exclude each other, and closing some other descriptor of the file
// loses nothing (the trap of the older locks, F_SETLK). All are advisory: they bind only those who ask.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

enum class LockKind : std::uint8_t {
  shared,     ///< several may hold it, while nobody holds it exclusively; the file must be open for reading
  exclusive,  ///< one holds it and nobody else any; the file must be open for writing
};

/// What stands in the way of a lock.
struct LockHolder {
  LockKind kind;
  /// The holder's process id, if it used an old-style lock (F_SETLK). An open-file-description lock belongs
  /// to no process, the kernel says -1, and this is empty: fuser(1) tells who has the file open, and the line
  /// `lock:` in /proc/PID/fdinfo/FD which of them holds it.
  std::optional<int> process_id;
};

/// A lock on a whole file, held until destruction. Move-only. It keeps a descriptor of the same opening, so
/// the lock stays when the caller's descriptor is closed, and counts for every copy of that descriptor: for
/// one given to a child too. The same opening never conflicts with itself: asking again converts the lock. So
/// open the file once for each lock.
class TENON_EXPORT FileLock {
 public:
  /// Takes the lock, waiting until nobody is in the way; Deadline::now() only tries. The kernel cannot wait
  /// for a lock with a limit, so this asks again after 1 ms, then ever longer, up to every 50 ms; who comes
  /// first need not get it first. `subject` names the file in errors. Errors: timed_out (the text says who
  /// holds it), cancelled, invalid_argument (the file is not open for what `kind` needs), resource_limit,
  /// unsupported.
  static Result<FileLock> acquire(int fd, LockKind kind, Deadline deadline = Deadline::never(),
                                  const std::string& subject = "file");

  /// Somebody who is in the way of a lock of that kind through `fd`, if anybody is. F_OFD_GETLK. A moment
  /// later it may be otherwise.
  static Result<std::optional<LockHolder>> holder(int fd, LockKind kind);

  FileLock(FileLock&&) noexcept = default;
  FileLock& operator=(FileLock&& other) noexcept;
  ~FileLock() { release(); }

  /// Gives the lock up now.
  void release() noexcept;

 private:
  explicit FileLock(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace tenon::os
