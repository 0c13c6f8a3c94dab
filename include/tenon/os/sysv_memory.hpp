// Shared memory of System V: a segment that a number finds (shmget(2), sysvipc(7)). For programs that speak
// it already; new ones are better served by Memfd or PosixMemory.
//
// Owns the segment in the process that created it. Not the mappings: those outlive it.
#pragma once

#include <cstddef>
#include <cstdint>

#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/mapping.hpp>
#include <tenon/os/owned_name.hpp>
#include <tenon/os/sysv_key.hpp>

namespace tenon::os {

/// What the system knows about a segment. shmctl(2), IPC_STAT.
struct SysvMemoryStatus {
  std::size_t size;        ///< bytes, as asked for at creation
  unsigned owner_uid;      ///< may change the mode and remove it
  unsigned creator_uid;    ///< as well
  unsigned mode;           ///< permissions, e.g. 0600
  int creator_pid;         ///< made it; may be long gone
  int last_pid;            ///< attached or detached last; 0 for nobody yet
  std::uint64_t attached;  ///< attachments at this moment, of all processes
  bool removed;            ///< its key is gone; it goes when the last attachment does
};

/// A System V segment. Move-only. Threads: const members may be called together.
///
/// A segment lives until it is removed and nobody has it attached; a killed creator leaves it behind, seen
/// with ipcs(1) -m and removed with ipcrm(1). Its pages are not allocated ahead: on a machine without memory
/// a first touch can end the process. It can never be cut short, so a mapping of it never raises SIGBUS.
class TENON_EXPORT SysvMemory {
 public:
  /// Makes a new segment of `size` bytes of zeros (at least 1). shmget(2), IPC_CREAT and IPC_EXCL.
  /// Errors: already_exists (the text names who made it), resource_limit (the text names the limit: SHMMNI
  /// segments, SHMALL pages, memory), invalid_argument (`size` 0 or above SHMMAX).
  static Result<SysvMemory> create(SysvKey key, std::size_t size, unsigned mode = 0600);

  /// Finds the segment that another process made. Errors: not_found, permission_denied (its mode, or another
  /// user's: see Trust), invalid_argument (a private key finds nothing: use open_id()).
  static Result<SysvMemory> open(SysvKey key, Trust trust = Trust::own_or_root);
  /// The same for an id that was handed over, as ipcs(1) shows it.
  static Result<SysvMemory> open_id(int id, Trust trust = Trust::own_or_root);

  SysvMemory(SysvMemory&& other) noexcept;
  SysvMemory& operator=(SysvMemory&& other) noexcept;
  /// Removes the segment that create() made; attachments go on.
  ~SysvMemory();

  /// All of it, at an address of the system's choice. shmat(2).
  /// Errors: not_found (removed meanwhile), permission_denied (the mode), resource_limit (address space).
  Result<Mapping> attach(Access access = Access::read_write) const;

  /// Removes the segment, whoever made it: its key is free for a new one at once, its memory when nobody has
  /// it attached any more. Until then Linux lets those who know the id attach it. shmctl(2), IPC_RMID.
  /// Errors: not_found (somebody was faster), permission_denied (only its owner, its creator and root may).
  Result<void> remove();
  /// Leaves the segment in place on destruction.
  void keep() noexcept { owned_ = false; }

  /// Errors: not_found (removed, and nobody has it attached), permission_denied (no right to read it).
  Result<SysvMemoryStatus> status() const;

  int id() const noexcept { return id_; }
  std::size_t size() const noexcept { return size_; }

 private:
  SysvMemory(int id, std::size_t size, bool owned) noexcept : id_(id), size_(size), owned_(owned) {}
  void swap(SysvMemory& other) noexcept;

  int id_;
  std::size_t size_;
  bool owned_;
};

}  // namespace tenon::os
