#include <tenon/os/sysv_memory.hpp>

#include <sys/ipc.h>
#include <sys/shm.h>
#include <unistd.h>
#include <cerrno>
#include <string>
#include <utility>

#include "base/try.hpp"
#include "os/reserve.hpp"

namespace tenon::os {
namespace {

constexpr std::string_view create_memory = "create System V memory";
constexpr std::string_view open_memory = "open System V memory";

std::string key_text(SysvKey key) {
  return "key " + key.to_string();
}
std::string id_text(int id) {
  return "id " + std::to_string(id);
}

/// A removed segment is EIDRM or EINVAL, depending on when it was asked for.
Error gone(std::string_view operation, int id, int error) {
  if (error == EIDRM || error == EINVAL) {
    return {Errc::not_found, operation, id_text(id),
            "the segment has been removed; ipcs -m shows those that are left", error};
  }
  return Error::from_errno(operation, id_text(id), error,
                           error == ENOMEM ? "the process has no address space for it (ulimit -v)" : "");
}

Result<SysvMemoryStatus> status_of(int id, std::string_view operation) {
  shmid_ds info{};
  if (::shmctl(id, IPC_STAT, &info) != 0) return std::unexpected(gone(operation, id, errno));
  return SysvMemoryStatus{.size = info.shm_segsz,
                          .owner_uid = info.shm_perm.uid,
                          .creator_uid = info.shm_perm.cuid,
                          .mode = info.shm_perm.mode & 0777u,
                          .creator_pid = info.shm_cpid,
                          .last_pid = info.shm_lpid,
                          .attached = info.shm_nattch,
                          .removed = (info.shm_perm.mode & SHM_DEST) != 0};
}

std::string holder_of(SysvKey key) {
  const int id = ::shmget(key.value(), 0, 0);
  const auto status = id < 0 ? std::unexpected(Error(Errc::not_found, "")) : status_of(id, "");
  if (!status) return "another user's segment has this key";
  return "process " + std::to_string(status->creator_pid) + " made it, and " +
         std::to_string(status->attached) +
         " have it attached: if that process is gone, remove it with ipcrm -m " + std::to_string(id);
}

Error creation_error(SysvKey key, std::size_t size, int error) {
  const std::string subject = key_text(key) + " of " + std::to_string(size) + " bytes";
  const std::string most = system_limit("/proc/sys/kernel/shmmax");
  const std::string pages = system_limit("/proc/sys/kernel/shmall");
  switch (error) {
    case EEXIST:
      return Error::from_errno(create_memory, subject, error, holder_of(key));
    case EINVAL:
      return Error::from_errno(create_memory, subject, error,
                               "a segment has 1 to " + most + " bytes (kernel.shmmax)");
    case ENOSPC:
      return Error::from_errno(
          create_memory, subject, error,
          "the machine may have " + system_limit("/proc/sys/kernel/shmmni") +
              " segments (kernel.shmmni) and " + pages +
              " pages in them (kernel.shmall): remove some (ipcs -m, ipcrm), or raise the limit");
    case ENOMEM:
      return Error::from_errno(create_memory, subject, error,
                               "the machine has not that much memory and swap");
    default:
      return Error::from_errno(create_memory, subject, error);
  }
}

}  // namespace

Result<SysvMemory> SysvMemory::create(SysvKey key, std::size_t size, unsigned mode) {
  const int id = ::shmget(key.value(), size, IPC_CREAT | IPC_EXCL | static_cast<int>(mode & 0777u));
  if (id < 0) return std::unexpected(creation_error(key, size, errno));
  return SysvMemory(id, size, true);
}

Result<SysvMemory> SysvMemory::open(SysvKey key, Trust trust) {
  if (key.is_private()) {
    return std::unexpected(
        Error(Errc::invalid_argument, open_memory, key_text(key),
              "a private key makes new segments and finds none: open the segment by its id"));
  }
  const int id = ::shmget(key.value(), 0, 0);
  if (id >= 0) return open_id(id, trust);
  const int error = errno;
  return std::unexpected(Error::from_errno(
      open_memory, key_text(key), error,
      error == ENOENT
          ? "nobody has created it: start the process that does first; ipcs -m shows those that there are"
          : ""));
}

Result<SysvMemory> SysvMemory::open_id(int id, Trust trust) {
  const SysvMemoryStatus status = TRY(status_of(id, open_memory));
  const auto trusted = [](unsigned uid) { return uid == ::geteuid() || uid == 0; };
  if (trust == Trust::own_or_root && !(trusted(status.owner_uid) && trusted(status.creator_uid))) {
    return std::unexpected(Error(Errc::permission_denied, open_memory, id_text(id),
                                 "it belongs to user " + std::to_string(status.owner_uid) +
                                     " and was made by user " + std::to_string(status.creator_uid) +
                                     ": open it with Trust::anyone if you trust them"));
  }
  return SysvMemory(id, status.size, false);
}

SysvMemory::SysvMemory(SysvMemory&& other) noexcept
    : id_(other.id_), size_(other.size_), owned_(std::exchange(other.owned_, false)) {}

SysvMemory& SysvMemory::operator=(SysvMemory&& other) noexcept {
  SysvMemory(std::move(other)).swap(*this);
  return *this;
}

void SysvMemory::swap(SysvMemory& other) noexcept {
  std::swap(id_, other.id_);
  std::swap(size_, other.size_);
  std::swap(owned_, other.owned_);
}

SysvMemory::~SysvMemory() {
  if (!owned_) return;
  const int saved_errno = errno;
  ::shmctl(id_, IPC_RMID, nullptr);
  errno = saved_errno;
}

Result<Mapping> SysvMemory::attach(Access access) const {
  void* const data = ::shmat(id_, nullptr, access == Access::read ? SHM_RDONLY : 0);
  if (reinterpret_cast<std::intptr_t>(data) == -1)
    return std::unexpected(gone("attach System V memory", id_, errno));
  return Mapping(data, size_, access, Mapping::Origin::attached);
}

Result<void> SysvMemory::remove() {
  if (::shmctl(id_, IPC_RMID, nullptr) != 0)
    return std::unexpected(gone("remove System V memory", id_, errno));
  owned_ = false;
  return {};
}

Result<SysvMemoryStatus> SysvMemory::status() const {
  return status_of(id_, "look at System V memory");
}

}  // namespace tenon::os
