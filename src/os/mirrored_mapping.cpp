#include "os/mirrored_mapping.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <cerrno>
#include <cstring>
#include <string>

#include "os/reserve.hpp"

namespace tenon::os {
namespace {

std::unexpected<Error> not_mapped(std::size_t bytes) {
  const int error = errno;
  return std::unexpected(Error::from_errno(
      "map", std::to_string(bytes) + " bytes of a ring", error,
      error == ENOMEM ? std::to_string(bytes) +
                            " bytes of addresses are needed: ask for less (capacity=), or raise "
                            "the address space of the process (ulimit -v) or vm.max_map_count, " +
                            system_limit("/proc/sys/vm/max_map_count")
                      : ""));
}

/// Addresses without memory, to put mappings at.
std::byte* reserve_addresses(std::size_t size) noexcept {
  void* const place = ::mmap(nullptr, size, PROT_NONE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  return place == MAP_FAILED ? nullptr : static_cast<std::byte*>(place);
}

}  // namespace

Result<MirroredMapping> MirroredMapping::map(int fd, std::size_t header, std::size_t data, Access access,
                                             std::uint64_t offset) {
  const int protection = access == Access::read ? PROT_READ : PROT_READ | PROT_WRITE;
  const std::size_t whole = header + 2 * data;
  std::byte* const place = reserve_addresses(whole);
  if (place == nullptr) return not_mapped(whole);
  MirroredMapping mapping(place, header, data);
  const auto put = [&](std::byte* where, std::size_t size, std::size_t from) {
    return ::mmap(where, size, protection, MAP_SHARED | MAP_FIXED, fd, static_cast<off_t>(offset + from)) !=
           MAP_FAILED;
  };
  if (!put(mapping.header(), header + data, 0) || !put(mapping.data() + data, data, header)) {
    return not_mapped(whole);
  }
  return mapping;
}

Result<MirroredMapping> MirroredMapping::again() const {
  const std::size_t whole = header_ + 2 * data_;
  std::byte* const place = reserve_addresses(whole);
  if (place == nullptr) return not_mapped(whole);
  MirroredMapping mapping(place, header_, data_);
  // An old size of 0 maps shared memory a second time: mremap(2).
  const auto put = [](std::byte* from, std::byte* to, std::size_t size) {
    return ::mremap(from, 0, size, MREMAP_MAYMOVE | MREMAP_FIXED, to) != MAP_FAILED;
  };
  if (!put(header(), mapping.header(), header_ + data_) || !put(data(), mapping.data() + data_, data_)) {
    return not_mapped(whole);
  }
  return mapping;
}

Result<void> MirroredMapping::detach(std::size_t from, std::size_t size) {
  void* const place =
      ::mmap(nullptr, 2 * data_, PROT_READ | PROT_WRITE, MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
  if (place == MAP_FAILED) return not_mapped(2 * data_);
  auto* const copy = static_cast<std::byte*>(place);
  std::memcpy(copy + from, data() + from, size);
  if (from + size > data_) std::memcpy(copy, data(), from + size - data_);
  // Moving it over the shared pages is one step for everyone else: who touches them meanwhile waits for it.
  if (::mremap(copy, 2 * data_, 2 * data_, MREMAP_MAYMOVE | MREMAP_FIXED, data()) == MAP_FAILED) {
    const auto failed = not_mapped(2 * data_);
    ::munmap(copy, 2 * data_);
    return failed;
  }
  return {};
}

MirroredMapping::~MirroredMapping() {
  if (base_ != nullptr) ::munmap(base_, header_ + 2 * data_);
}

}  // namespace tenon::os
