#include <tenon/os/mapping.hpp>

#include <sys/mman.h>
#include <sys/shm.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <string>

#include "base/try.hpp"
#include "os/reserve.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr std::string_view map_memory = "map";

std::string range_text(std::size_t length, std::uint64_t offset) {
  return std::to_string(length) + " bytes at offset " + std::to_string(offset);
}

std::string advice_for(int error) {
  switch (error) {
    case EACCES:
      return "open the descriptor for reading and, to write, for writing as well";
    case EPERM:
      return "the memory is sealed against writing: map it with Access::read";
    case ENOMEM:
      return "the process has no room for it: raise its address space (ulimit -v), or, at " +
             system_limit("/proc/sys/vm/max_map_count") + " mappings, vm.max_map_count";
    default:
      return "";
  }
}

Result<void> check_range(int fd, std::size_t length, std::uint64_t offset) {
  const auto refuse = [&](std::string advice) -> Result<void> {
    return std::unexpected(
        Error(Errc::invalid_argument, map_memory, range_text(length, offset), std::move(advice)));
  };
  const auto page = static_cast<std::uint64_t>(::sysconf(_SC_PAGESIZE));
  if (length == 0) return refuse("an empty range cannot be mapped: map at least one byte");
  if (offset % page != 0)
    return refuse("the offset must be a multiple of the page size, " + std::to_string(page));
  struct stat info{};
  if (::fstat(fd, &info) != 0) return std::unexpected(Error::from_errno(map_memory, "descriptor", errno));
  const auto there = static_cast<std::uint64_t>(info.st_size);
  if (S_ISREG(info.st_mode) && (offset > there || length > there - offset)) {
    return refuse("the object has " + std::to_string(there) +
                  " bytes, and touching memory beyond them is SIGBUS");
  }
  return {};
}

}  // namespace

Result<Mapping> Mapping::map(int fd, std::size_t length, Access access, std::uint64_t offset) {
  TRY(check_range(fd, length, offset));
  const int protection = access == Access::read ? PROT_READ : PROT_READ | PROT_WRITE;
  void* const data = ::mmap(nullptr, length, protection, MAP_SHARED, fd, static_cast<off_t>(offset));
  if (data != MAP_FAILED) return Mapping(data, length, access, Origin::mapped);
  const int error = errno;
  if (error == ENODEV) {
    return std::unexpected(Error(Errc::unsupported, map_memory, range_text(length, offset),
                                 "this kind of file cannot be mapped", error));
  }
  return std::unexpected(Error::from_errno(map_memory, range_text(length, offset), error, advice_for(error)));
}

Result<void> Mapping::sync() const {
  if (data_ == nullptr || retry([&] { return ::msync(data_, size_, MS_SYNC); }) == 0) return {};
  return std::unexpected(Error::from_errno("sync", "mapping of " + std::to_string(size_) + " bytes", errno));
}

Result<void> Mapping::advise_huge_pages() const {
  if (data_ == nullptr || ::madvise(data_, size_, MADV_HUGEPAGE) == 0) return {};
  const int error = errno;
  return std::unexpected(Error(error == EINVAL ? Errc::unsupported : Errc::system_error,
                               "advise huge pages for", "mapping of " + std::to_string(size_) + " bytes",
                               "the mapping works with small pages all the same", error));
}

void Mapping::reset() noexcept {
  if (data_ == nullptr) return;
  const int saved_errno = errno;
  if (origin_ == Origin::mapped) {
    ::munmap(data_, size_);
  } else {
    ::shmdt(data_);
  }
  errno = saved_errno;
  data_ = nullptr;
  size_ = 0;
}

}  // namespace tenon::os
