// Memory that several processes see: one owning type, whatever kernel object the memory belongs to.
//
// Owns the addresses only. The object behind them (memfd, POSIX or System V memory, file) is owned by its own
// type and may be closed or removed while the mapping stays valid (mmap(2), shmctl(2)).
#pragma once

#include <cassert>
#include <cstddef>
#include <cstdint>
#include <type_traits>
#include <utility>

#include <tenon/bytes.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>

namespace tenon::os {

/// What a mapping, or the descriptor behind it, may be used for.
enum class Access : std::uint8_t {
  read,        ///< a store is SIGSEGV
  read_write,  ///< others see what is stored
};

/// Owns a range of shared memory and gives it back (munmap(2), shmdt(2)) on destruction. Move-only.
///
/// What is stored is seen by every process that maps the same memory, at once and in no promised order:
/// processes that run at the same time must use atomics (std::atomic_ref, or std::atomic at the same place in
/// each). A child made by fork(2) has the mapping too; exec(2) drops it.
///
/// Trap: when the object behind it is cut short (ftruncate(2) by anyone who may write it), touching the lost
/// pages raises SIGBUS. Memory that a stranger shares must be sealed: see Memfd.
///
/// Threads: const members may be called together; the bytes are as safe as the accesses to them are atomic.
class TENON_EXPORT Mapping {
 public:
  /// Maps nothing; size() is 0.
  Mapping() noexcept = default;

  /// Maps `length` bytes of `fd` from `offset` (a multiple of the page size), shared with all who map them.
  /// `fd` may be closed afterwards. mmap(2), MAP_SHARED. Errors: invalid_argument (`length` 0, an unaligned
  /// `offset`, or a file shorter than `offset` + `length`), permission_denied (`fd` was opened without that
  /// access, or is sealed against it), unsupported (this kind of file cannot be mapped), resource_limit
  /// (address space: ulimit -v; number of mappings: vm.max_map_count).
  static Result<Mapping> map(int fd, std::size_t length, Access access, std::uint64_t offset = 0);

  Mapping(Mapping&& other) noexcept { swap(other); }
  Mapping& operator=(Mapping&& other) noexcept {
    Mapping(std::move(other)).swap(*this);
    return *this;
  }
  ~Mapping() { reset(); }

  /// The bytes, to read and write. Only for Access::read_write (else assertion, and SIGSEGV at a store).
  ByteSpan bytes() const noexcept {
    assert(access_ == Access::read_write || size_ == 0);
    return {data_, size_};
  }
  /// The bytes, to read.
  ByteView view() const noexcept { return {data_, size_}; }

  /// The `T` that lives `offset` bytes from the beginning. It must lie inside and be aligned (assertion), and
  /// be a type without pointers or virtual functions: other processes map the memory at other addresses. Give
  /// `T` as const for a mapping that is only read.
  template <typename T>
  T& at(std::size_t offset) const noexcept {
    static_assert(std::is_standard_layout_v<T> && std::is_trivially_destructible_v<T>);
    assert(std::is_const_v<T> || access_ == Access::read_write);
    assert(offset <= size_ && sizeof(T) <= size_ - offset);
    assert(reinterpret_cast<std::uintptr_t>(data_ + offset) % alignof(T) == 0);
    return *reinterpret_cast<T*>(data_ + offset);
  }

  std::size_t size() const noexcept { return size_; }
  Access access() const noexcept { return access_; }
  explicit operator bool() const noexcept { return data_ != nullptr; }

  /// Returns when what was stored is on the device of the file behind it. msync(2), MS_SYNC. Other processes
  /// need none of this to see a store. Does nothing useful for memory without a file. Errors: system_error
  /// (EIO: the device failed, and what was stored may be lost).
  Result<void> sync() const;

  /// Asks for 2 MiB pages, of which fewer need to be looked up: worthwhile for tens of megabytes that are
  /// used at random. A hint: the kernel follows it for shared memory only where
  /// /sys/kernel/mm/transparent_hugepage/shmem_enabled is not `never`. madvise(2), MADV_HUGEPAGE.
  /// Errors: unsupported (a kernel without huge pages).
  Result<void> advise_huge_pages() const;

  /// Gives the memory back now.
  void reset() noexcept;
  void swap(Mapping& other) noexcept {
    std::swap(data_, other.data_);
    std::swap(size_, other.size_);
    std::swap(access_, other.access_);
    std::swap(origin_, other.origin_);
  }

 private:
  friend class SysvMemory;
  enum class Origin : std::uint8_t { mapped, attached };  // munmap(2) or shmdt(2)

  Mapping(void* data, std::size_t size, Access access, Origin origin) noexcept
      : data_(static_cast<std::byte*>(data)), size_(size), access_(access), origin_(origin) {}

  std::byte* data_ = nullptr;
  std::size_t size_ = 0;
  Access access_ = Access::read;
  Origin origin_ = Origin::mapped;
};

}  // namespace tenon::os
