// Reading and writing plain files at a place of one's choice, their locks on single bytes, and notice of their
// changes: what the channel over files needs of the system, without allocating.
#pragma once

#include <cstdint>
#include <optional>
#include <span>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

#include "os/byte_stream.hpp"

namespace tenon::os {

/// One pread(2), or preadv(2). 0 bytes without error: the file ends at or before `offset`.
Transfer read_at(int fd, std::span<const Slice> into, std::uint64_t offset) noexcept;
/// Reads until `into` is full or the file ends.
Transfer read_all_at(int fd, ByteSpan into, std::uint64_t offset) noexcept;
/// One pwritev(2), which may write less.
Transfer write_at(int fd, std::span<const Slice> from, std::uint64_t offset) noexcept;
/// Writes all, or says why not.
Transfer write_all_at(int fd, ByteView from, std::uint64_t offset) noexcept;

/// Bytes in the open file; empty when the system cannot tell.
std::optional<std::uint64_t> size_of(int fd) noexcept;
/// Whether the open file still has a name.
bool has_name(int fd) noexcept;
/// ftruncate(2), fdatasync(2): 0 or errno.
int cut(int fd, std::uint64_t size) noexcept;
int sync_data(int fd) noexcept;
/// How long a file this process may write (RLIMIT_FSIZE, getrlimit(2)): beyond it the system would send SIGXFSZ.
std::uint64_t file_size_limit() noexcept;

/// Reading it does not change when it was last read, from now on (O_NOATIME, open(2)): a fifteenth of a short read, and
/// no inode to write. Nothing happens where it is not ours.
void leave_access_time(int fd) noexcept;

/// Locks one byte for this opening of the file (F_OFD_SETLK, fcntl(2)): 0, EAGAIN when another opening has it, or errno.
int lock_byte(int fd, std::uint64_t offset) noexcept;
void unlock_byte(int fd, std::uint64_t offset) noexcept;
/// Whether another opening has that byte locked. Errors: those of fcntl(2).
Result<bool> is_byte_locked(int fd, std::uint64_t offset);

/// Notice of changes to open files. inotify(7). Threads: one at a time, but for fd().
class ChangeWatch {
 public:
  /// Errors: resource_limit (the text names the limit).
  static Result<ChangeWatch> create();

  /// Becomes readable when the file is written to, cut, or closed by somebody who could write to it. Returns a number
  /// for remove(). Errors: resource_limit.
  Result<int> add(int file) const;
  void remove(int watch) const noexcept;
  /// Forgets what was noticed, so that fd() is not readable. Look at the files after it.
  void drain() const noexcept;

  int fd() const noexcept { return inotify_.get(); }

 private:
  explicit ChangeWatch(Fd inotify) noexcept : inotify_(std::move(inotify)) {}
  Fd inotify_;
};

}  // namespace tenon::os
