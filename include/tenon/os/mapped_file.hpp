// A file whose contents are used as memory, shared by all who map it, and still there after a restart.
//
// Owns the descriptor and the mapping. Not the file: it stays until remove().
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/mapping.hpp>

namespace tenon::os {

/// A file mapped whole. Move-only.
///
/// Only the effective user's own regular files are mapped, and no symbolic link is followed at the last part
/// of the path: whoever may write the file can cut it short, and then touching the lost pages raises SIGBUS.
/// All processes that map it must therefore be the same user's and agree that nobody shortens it.
///
/// Threads: const members may be called together; grow() and refresh() move the mapping, alone.
class TENON_EXPORT MappedFile {
 public:
  /// Makes a file of `size` bytes of zeros (at least 1), really allocated, and maps it. `mode` is meant as
  /// given: the umask does not narrow it, nor widen it. It never touches a file that exists. Errors:
  /// already_exists, invalid_argument (`size` 0, a bad path), not_found (the folder), permission_denied,
  /// resource_limit (the device is full, with what is needed and what is free; ulimit -f).
  static Result<MappedFile> create(std::string path, std::size_t size, unsigned mode = 0600);

  /// Maps a file that exists, at the length that it has now.
  /// Errors: not_found (none, or an empty one: its creator may not be ready, try again), permission_denied
  /// (mode, symbolic link, another user's), invalid_argument (no regular file), those of Mapping::map().
  static Result<MappedFile> open(std::string path, Access access = Access::read_write);

  /// The bytes; valid until grow(), refresh() or the end of this object. See Mapping for how to share them.
  ByteSpan bytes() const noexcept { return mapping_.bytes(); }
  ByteView view() const noexcept { return mapping_.view(); }
  const Mapping& mapping() const noexcept { return mapping_; }
  std::size_t size() const noexcept { return mapping_.size(); }
  const std::string& path() const noexcept { return path_; }
  const Fd& fd() const noexcept { return fd_; }

  /// Makes the file `size` bytes long, the new ones zero and really allocated, and maps it anew: addresses
  /// change. Never shrinks. Errors: invalid_argument (below size()), permission_denied (opened to read),
  /// resource_limit; on an error the file and the mapping are as before.
  Result<void> grow(std::size_t size);

  /// Maps what another process has added with grow(). Addresses change if it has grown.
  /// Errors: those of Mapping::map(); protocol_violation (somebody has made it shorter: nothing is changed).
  Result<void> refresh();

  /// Returns when contents and length are on the device: see Mapping::sync(). The file's name is on the
  /// device only once its folder has been synced (fsync(2)).
  Result<void> sync() const { return mapping_.sync(); }
  /// See Mapping::advise_huge_pages(). Helps where the file is on a tmpfs, hardly ever on a disk.
  Result<void> advise_huge_pages() const { return mapping_.advise_huge_pages(); }

  /// Removes the file's name, if it still means this file; who has it mapped keeps it.
  /// Errors: not_found (removed or replaced already), permission_denied (the folder).
  Result<void> remove();

 private:
  MappedFile(std::string path, Fd fd, Mapping mapping) noexcept
      : path_(std::move(path)), fd_(std::move(fd)), mapping_(std::move(mapping)) {}

  std::string path_;
  Fd fd_;
  Mapping mapping_;
};

}  // namespace tenon::os
