// Shared memory with a name like `/frames`: POSIX shared memory, a file in /dev/shm (shm_overview(7)).
//
// Owns the descriptor, and in the process that created it the name. Not the mappings: those outlive it.
#pragma once

#include <cstddef>
#include <string>

#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/mapping.hpp>
#include <tenon/os/owned_name.hpp>

namespace tenon::os {

/// Named shared memory. Move-only. Threads: const members may be called together.
///
/// Names begin with a slash, contain no other, and have 2 to 255 bytes with it. The memory lives until the
/// name is removed and the last mapping and descriptor are gone; with the name it outlives its processes
/// until the machine is restarted. It cannot be sealed: a program that does not trust its partner takes a
/// Memfd.
class TENON_EXPORT PosixMemory {
 public:
  /// Makes `size` bytes of zeros (at least 1), really allocated. `mode` is meant as given: the umask does not
  /// narrow it, nor widen it. shm_open(3), O_CREAT and O_EXCL.
  /// Errors: already_exists (alive, or left by a killed process: see remove()), invalid_argument (`name`,
  /// `size`), resource_limit (/dev/shm or the memory is full, with what is needed and what is free).
  static Result<PosixMemory> create(std::string name, std::size_t size, unsigned mode = 0600);

  /// Opens what another process made. Its length is that at this moment.
  /// Errors: not_found (no such name, or its creator has not given it its size yet: try again),
  /// permission_denied (the mode, a symbolic link, or another user's object: see Trust).
  static Result<PosixMemory> open(std::string name, Access access = Access::read_write,
                                  Trust trust = Trust::own_or_root);

  /// Removes a name, whoever made it; processes that have it mapped keep it. shm_unlink(3).
  /// Errors: not_found, permission_denied, invalid_argument.
  static Result<void> remove(const std::string& name);

  PosixMemory(PosixMemory&&) noexcept = default;
  PosixMemory& operator=(PosixMemory&& other) noexcept;
  /// Removes the name that create() made, if it still means this memory.
  ~PosixMemory() { unlink(); }

  /// All of it. Errors: those of Mapping::map(): permission_denied for more than open() was asked for.
  Result<Mapping> map(Access access = Access::read_write) const {
    return Mapping::map(fd_.get(), size_, access);
  }

  /// Leaves the name in place on destruction: the memory then lives until somebody removes it.
  void keep_name() noexcept { owns_name_ = false; }
  /// Removes the name now, as the destructor does: worthwhile once all partners have it open.
  void unlink() noexcept;

  const std::string& name() const noexcept { return name_; }
  std::size_t size() const noexcept { return size_; }
  const Fd& fd() const noexcept { return fd_; }

 private:
  PosixMemory(std::string name, Fd fd, std::size_t size, bool owns_name) noexcept
      : name_(std::move(name)), fd_(std::move(fd)), size_(size), owns_name_(owns_name) {}

  std::string name_;
  Fd fd_;  ///< none: moved from
  std::size_t size_;
  bool owns_name_;
};

}  // namespace tenon::os
