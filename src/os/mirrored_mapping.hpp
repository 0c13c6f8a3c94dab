// A piece of shared memory whose second part is seen twice in a row: what a ring needs so that a record that goes
// over the end is contiguous all the same. mmap(2), MAP_FIXED over a reservation. Not public.
#pragma once

#include <cstddef>
#include <cstdint>
#include <utility>

#include <tenon/error.hpp>
#include <tenon/os/mapping.hpp>

namespace tenon::os {

/// Owns the addresses. Move-only. `header` bytes, then `data` bytes, then the same `data` bytes again.
class MirroredMapping {
 public:
  /// Maps `fd` from `offset` on, where it has `header` + `data` bytes; all three are multiples of the page size.
  /// `fd` may be closed afterwards. Errors: as Mapping::map().
  static Result<MirroredMapping> map(int fd, std::size_t header, std::size_t data, Access access,
                                     std::uint64_t offset = 0);

  /// The same memory at other addresses. Errors: as map().
  Result<MirroredMapping> again() const;
  /// What is seen at data()[from, from + size), and behind data_size() at the beginning too, stays as it is now,
  /// whatever others do to the memory: both copies of the data become private memory at the same addresses. Other
  /// threads may read those bytes meanwhile; nobody may change them. The rest reads as zeros. `from` is less
  /// than, and `size` at most data_size(). Errors: resource_limit; then nothing has changed.
  Result<void> detach(std::size_t from, std::size_t size);

  MirroredMapping() noexcept = default;
  MirroredMapping(MirroredMapping&& other) noexcept
      : base_(std::exchange(other.base_, nullptr)), header_(other.header_), data_(other.data_) {}
  MirroredMapping& operator=(MirroredMapping&& other) noexcept {
    std::swap(base_, other.base_);
    std::swap(header_, other.header_);
    std::swap(data_, other.data_);
    return *this;
  }
  ~MirroredMapping();

  std::byte* header() const noexcept { return base_; }
  std::byte* data() const noexcept { return base_ + header_; }
  std::size_t data_size() const noexcept { return data_; }

 private:
  MirroredMapping(std::byte* base, std::size_t header, std::size_t data) noexcept
      : base_(base), header_(header), data_(data) {}

  std::byte* base_ = nullptr;
  std::size_t header_ = 0;
  std::size_t data_ = 0;
};

}  // namespace tenon::os
