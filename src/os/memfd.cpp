#include <tenon/os/memfd.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <cerrno>

#include "base/try.hpp"
#include "os/reserve.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

#ifndef MFD_NOEXEC_SEAL
constexpr unsigned MFD_NOEXEC_SEAL = 0x0008U;  // <linux/memfd.h> since Linux 6.3
#endif
#ifndef F_SEAL_EXEC
constexpr int F_SEAL_EXEC = 0x0020;
#endif

constexpr std::string_view create_memory = "create memory";
constexpr std::string_view adopt_memory = "adopt memory";

static_assert(F_SEAL_SEAL == static_cast<int>(Seals::seal) &&
              F_SEAL_SHRINK == static_cast<int>(Seals::shrink));
static_assert(F_SEAL_GROW == static_cast<int>(Seals::grow) && F_SEAL_WRITE == static_cast<int>(Seals::write));
static_assert(F_SEAL_FUTURE_WRITE == static_cast<int>(Seals::future_write));

/// MFD_NOEXEC_SEAL implies MFD_ALLOW_SEALING, so that memory which must not be sealed goes without it.
Fd make_memfd(const std::string& name, Memfd::Sealing sealing) noexcept {
  if (sealing == Memfd::Sealing::forbidden) return Fd(::memfd_create(name.c_str(), MFD_CLOEXEC));
  const unsigned flags = MFD_CLOEXEC | MFD_ALLOW_SEALING;
  Fd fd(::memfd_create(name.c_str(), flags | MFD_NOEXEC_SEAL));
  if (!fd && errno == EINVAL) fd = Fd(::memfd_create(name.c_str(), flags));  // a kernel before 6.3
  return fd;
}

/// Through a mapping, since fallocate(2) takes huge pages only where all shared memory has them. What it leaves out is
/// allocated in small ones.
void populate_with_huge_pages(int fd, std::uint64_t size) noexcept {
  if (::ftruncate(fd, static_cast<off_t>(size)) != 0) return;
  void* const place = ::mmap(nullptr, size, PROT_READ | PROT_WRITE, MAP_SHARED, fd, 0);
  if (place == MAP_FAILED) return;
  if (::madvise(place, size, MADV_HUGEPAGE) == 0)
    static_cast<void>(retry([&] { return ::madvise(place, size, MADV_POPULATE_WRITE); }));
  ::munmap(place, size);
}

std::string advice_for_seal(int error) {
  if (error == EPERM) return "it was made unsealable, or Seals::seal has been added";
  if (error == EBUSY) return "a writable mapping exists: drop it first, or use Seals::future_write";
  return "";
}

}  // namespace

std::string to_string(Seals seals) {
  std::string text;
  const auto add = [&](Seals one, const char* name) {
    if (contains(seals, one)) text.append(text.empty() ? "" : ", ").append(name);
  };
  add(Seals::seal, "seal");
  add(Seals::shrink, "shrink");
  add(Seals::grow, "grow");
  add(Seals::write, "write");
  add(Seals::future_write, "future_write");
  return text.empty() ? "none" : text;
}

Result<Memfd> Memfd::create(const std::string& name, std::size_t size, Sealing sealing, Pages pages) {
  if (size == 0)
    return std::unexpected(Error(Errc::invalid_argument, create_memory, name, "ask for at least one byte"));
  Fd fd = make_memfd(name, sealing);
  if (!fd) {
    const int error = errno;
    return std::unexpected(Error::from_errno(create_memory, name, error,
                                             error == EINVAL ? "the name has more than 249 bytes" : ""));
  }
  if (::fchmod(fd.get(), 0600) != 0) return std::unexpected(Error::from_errno(create_memory, name, errno));
  TRY(reserve(fd.get(), size, create_memory, name,
              pages == Pages::huge ? populate_with_huge_pages : nullptr));
  return Memfd(std::move(fd), size);
}

Result<void> Memfd::huge_pages_allowed() {
  constexpr const char* setting = "/sys/kernel/mm/transparent_hugepage/shmem_enabled";
  const std::string value = system_limit(setting);
  if (value == "unknown") {
    return std::unexpected(Error(Errc::unsupported, "ask for huge pages", "shared memory",
                                 "this kernel has no " + std::string(setting)));
  }
  if (value.contains("[never]") || value.contains("[deny]")) {
    return std::unexpected(Error(
        Errc::unsupported, "ask for huge pages", "shared memory",
        "this machine gives none: as root, `echo advise > " + std::string(setting) + "`, or do without"));
  }
  return {};
}

Result<Memfd> Memfd::adopt(Fd fd, const Demands& demands) {
  const auto refuse = [&](std::string reason) -> Result<Memfd> {
    return std::unexpected(Error(Errc::protocol_violation, adopt_memory, "of a peer", std::move(reason)));
  };
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return refuse("there is no descriptor");
  const int raw_seals = ::fcntl(fd.get(), F_GET_SEALS);
  if (!S_ISREG(info.st_mode) || raw_seals < 0) return refuse("the descriptor is not of shared memory");
  const auto seals = static_cast<Seals>(raw_seals & ~F_SEAL_EXEC);
  if (!contains(seals, demands.seals)) {
    return refuse("its seals are " + to_string(seals) + ", needed are " + to_string(demands.seals));
  }
  const auto size = static_cast<std::uint64_t>(info.st_size);
  if (size < demands.min_size || size > demands.max_size) {
    return refuse("it has " + std::to_string(size) + " bytes, expected are " +
                  std::to_string(demands.min_size) + " to " + std::to_string(demands.max_size));
  }
  const auto allocated = static_cast<std::uint64_t>(info.st_blocks) * 512;
  if (demands.allocated && allocated < size) {
    return refuse("only " + std::to_string(allocated) + " of its " + std::to_string(size) +
                  " bytes are allocated");
  }
  return Memfd(std::move(fd), size);
}

Result<void> Memfd::seal(Seals seals) {
  if (::fcntl(fd_.get(), F_ADD_SEALS, static_cast<int>(seals)) == 0) return {};
  const int error = errno;
  return std::unexpected(
      Error::from_errno("seal memory against", to_string(seals), error, advice_for_seal(error)));
}

Result<Seals> Memfd::seals() const {
  const int seals = ::fcntl(fd_.get(), F_GET_SEALS);
  if (seals < 0) return std::unexpected(Error::from_errno("read the seals of", "memory", errno));
  return static_cast<Seals>(seals & ~F_SEAL_EXEC);
}

}  // namespace tenon::os
