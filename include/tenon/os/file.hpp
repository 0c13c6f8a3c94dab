// The plain file as a way to talk: one side appends records, the other waits for them and reads.
//
// Here are whole appends, whole reads, and lasting storage; locks are file_lock.hpp, notices of change
// file_watch.hpp. Not here: a format for records of any length.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/file_lock.hpp>
#include <tenon/os/file_watch.hpp>
#include <tenon/os/owned_name.hpp>

namespace tenon::os {

/// An open plain file. Move-only; closes on destruction and leaves the file (own_name() removes it). Never
/// waits for the disk except in sync*(). Threads: all but read_record() may be called by several at once.
class TENON_EXPORT File {
 public:
  enum class Access : std::uint8_t {
    read,    ///< reading only
    append,  ///< reading, and writing at the end
  };

  /// Makes a new file with exactly `mode` whatever the umask, for appending. open(2), O_EXCL.
  /// Errors: already_exists (a symbolic link counts), not_found (the folder), permission_denied,
  /// resource_limit.
  static Result<File> create(std::string path, unsigned mode = 0600);

  /// Opens a file that is there. A symbolic link, and a file of another user than this one or root unless
  /// `trust` allows it, is permission_denied; anything that is no plain file is invalid_argument, at once
  /// even for a named pipe. Errors: not_found, resource_limit.
  static Result<File> open(std::string path, Access access = Access::append,
                           Trust trust = Trust::own_or_root);

  /// Adds `bytes` at the end in one write(2): whoever else appends comes before or after, not between
  /// (O_APPEND, open(2); not on NFS). When the system takes only a part, the rest follows at once; if that
  /// fails (no room, a file size limit), or at kill -9, a part stays in the file: the error says how much and
  /// where, and truncate() removes it. Errors: resource_limit (ENOSPC, EDQUOT), system_error (EFBIG, too
  /// large for the file system; beyond ulimit -f the system sends SIGXFSZ too. Or another program appended
  /// between two parts).
  Result<void> append(ByteView bytes);

  /// Reads up to buffer.size() bytes from `offset` on: fewer at the end of the file, 0 beyond it. pread(2).
  /// Bytes that somebody overwrites meanwhile may be half old, half new; appended ones are not changed by
  /// anybody.
  Result<std::size_t> read_at(std::uint64_t offset, ByteSpan buffer) const;

  /// Fills `record` from `offset` on, waiting (inotify(7)) until all of it is there: whole or not at all.
  /// One thread at a time. Errors: timed_out, cancelled, resource_limit (see FileWatch).
  Result<void> read_record(std::uint64_t offset, ByteSpan record, Deadline deadline = Deadline::never());

  Result<std::uint64_t> size() const;
  /// Cuts the file, or fills it up with zeros. ftruncate(2). What others append meanwhile is cut too: hold a
  /// lock.
  Result<void> truncate(std::uint64_t size);

  /// Returns once bytes and size are on the disk, not just in memory: without it a power failure may take
  /// them, a crash of the process does not. fdatasync(2). After an error the bytes may be lost although a
  /// later sync succeeds.
  Result<void> sync();
  /// Returns once the name of a new file is on the disk: fsync(2) of its folder.
  Result<void> sync_name() const;

  /// FileLock::acquire() on this file. Locks of one File never exclude each other: open it again for that.
  Result<FileLock> lock(LockKind kind, Deadline deadline = Deadline::never()) const;
  /// Removes the file's name when the result is destroyed. The file remains for those who have it open.
  Result<OwnedName> own_name() const;

  int descriptor() const noexcept { return fd_.get(); }
  const std::string& path() const noexcept { return path_; }

 private:
  File(std::string path, Fd fd) noexcept : path_(std::move(path)), fd_(std::move(fd)) {}
  Error failed(std::string_view operation, int cause) const;
  Error cut_append(std::size_t done, std::size_t size, std::uint64_t end, int cause) const;

  std::string path_;
  Fd fd_;
  std::optional<FileWatch> watch_;  // made by the first read_record() that waits
};

}  // namespace tenon::os
