#include "os/reserve.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <fstream>
#include <limits>
#include <optional>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr std::uint64_t step_bytes = 64u << 20;  // signals wait for no more than one step

/// Memory and swap that can still be had, proc_meminfo(5).
std::optional<std::uint64_t> available_memory() {
  std::ifstream table("/proc/meminfo");
  std::string name, unit;
  std::uint64_t kilobytes = 0, total = 0;
  int found = 0;
  while (table >> name >> kilobytes && std::getline(table, unit)) {
    if (name != "MemAvailable:" && name != "SwapFree:") continue;
    total += kilobytes * 1024;
    ++found;
  }
  return found == 2 ? std::optional(total) : std::nullopt;
}

struct Room {
  std::uint64_t bytes;
  std::string_view where;
  bool binding;  ///< an allocation beyond it cannot succeed; on a disk root has a reserve, so there it is a
                 ///< guess
};

Room room_of(int fd) {
  struct statfs system{};
  if (::fstatfs(fd, &system) != 0) return {std::numeric_limits<std::uint64_t>::max(), "the device", false};
  const bool in_memory = system.f_type == TMPFS_MAGIC;
  Room room{system.f_bavail * static_cast<std::uint64_t>(system.f_bsize),
            in_memory ? "its tmpfs" : "its device", in_memory};
  const auto memory = in_memory ? available_memory() : std::nullopt;
  const bool unlimited = in_memory && system.f_blocks == 0;  // a memfd, or a tmpfs mounted without a size
  if (unlimited && !memory) return {std::numeric_limits<std::uint64_t>::max(), "memory", false};
  if (memory && (unlimited || *memory < room.bytes)) room = {*memory, "memory and swap", true};
  return room;
}

/// posix_fallocate would be interrupted by each signal, and a large one again and again: the work would never
/// end.
int allocate_step(int fd, off_t offset, off_t length) noexcept {
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  const int failed = retry([&] { return ::fallocate(fd, FALLOC_FL_KEEP_SIZE, offset, length); });
  int error = failed == 0 ? 0 : errno;
  if (error == EOPNOTSUPP) {
    do {
      error = ::posix_fallocate(fd, offset, length);  // writes into each block where the system has no call
    } while (error == EINTR);
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  return error;
}

}  // namespace

Result<void> reserve(int fd, std::uint64_t size, std::string_view operation, const std::string& subject) {
  struct stat before{};
  if (::fstat(fd, &before) != 0) return std::unexpected(Error::from_errno(operation, subject, errno));
  const auto length = static_cast<std::uint64_t>(before.st_size);
  const auto refuse = [&](int error, std::string advice) -> Result<void> {
    return std::unexpected(Error(Errc::resource_limit, operation, subject, std::move(advice), error));
  };
  rlimit limit{};
  ::getrlimit(RLIMIT_FSIZE, &limit);
  const std::uint64_t most = std::min<std::uint64_t>(limit.rlim_cur, std::numeric_limits<off_t>::max());
  if (size > most) {
    return refuse(EFBIG, std::to_string(size) + " bytes are needed, and this process may make files of " +
                             std::to_string(most) + " at most (ulimit -f)");
  }
  const Room room = room_of(fd);
  const std::string no_room = std::to_string(size) + " bytes are needed, " + std::to_string(room.bytes) +
                              " are free in " + std::string(room.where) + ": ask for less, or free some";
  const std::uint64_t allocated = static_cast<std::uint64_t>(before.st_blocks) * 512;
  if (room.binding && size > allocated && size - allocated > room.bytes) return refuse(ENOSPC, no_room);

  int error = 0;
  for (std::uint64_t at = 0; at < size && error == 0; at += step_bytes) {
    error = allocate_step(fd, static_cast<off_t>(at), static_cast<off_t>(std::min(step_bytes, size - at)));
  }
  if (error == 0 && size > length && retry([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }) != 0) {
    error = errno;
  }
  if (error == 0) return {};
  // The blocks beyond the old end go back; should that fail as well, the first failure is the one to tell.
  [[maybe_unused]] const int restored = ::ftruncate(fd, before.st_size);
  if (error == ENOSPC || error == ENOMEM || error == EDQUOT) return refuse(error, no_room);
  return std::unexpected(Error::from_errno(operation, subject, error));
}

std::string system_limit(const char* path) {
  std::ifstream file(path);
  std::string value;
  return std::getline(file, value) ? value : "unknown";
}

}  // namespace tenon::os
