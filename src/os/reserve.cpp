#include "os/reserve.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>
#include <csignal>
#include <fstream>
#include <limits>
#include <optional>

#include <tenon/os/fd.hpp>

#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr std::uint64_t step_bytes = 64u << 20;  // signals wait for no more than one step

/// What follows the name in a table like /proc/meminfo.
std::optional<std::uint64_t> number_behind(std::string_view name, std::string_view table) {
  const std::size_t at = table.find(name);
  if (at == table.npos) return std::nullopt;
  const std::size_t digits = table.find_first_not_of(' ', at + name.size());
  std::uint64_t number = 0;
  if (digits == table.npos ||
      std::from_chars(table.data() + digits, table.data() + table.size(), number).ec != std::errc{})
    return std::nullopt;
  return number;
}

/// Memory and swap that can still be had, proc_meminfo(5).
std::optional<std::uint64_t> available_memory() {
  const Fd file(retry([] { return ::open("/proc/meminfo", O_RDONLY | O_CLOEXEC); }));
  std::array<char, 4096> text;
  const auto size = file ? retry([&] { return ::read(file.get(), text.data(), text.size()); }) : -1;
  if (size < 0) return std::nullopt;
  const std::string_view table(text.data(), static_cast<std::size_t>(size));
  const auto memory = number_behind("MemAvailable:", table);
  const auto swap = number_behind("SwapFree:", table);
  return memory && swap ? std::optional((*memory + *swap) * 1024) : std::nullopt;
}

struct Room {
  std::uint64_t bytes;
  std::string_view where;
};

/// What can be allocated at most, or nothing where the file system does not tell: statfs(2). On a disk that
/// includes root's reserve, so that it is never too little.
std::optional<Room> room_of(int fd) {
  struct statfs system{};
  if (::fstatfs(fd, &system) != 0) return std::nullopt;
  const bool in_memory = system.f_type == TMPFS_MAGIC;
  std::optional<Room>
      room;  // stays empty for a memfd, or a tmpfs mounted without a size: only memory limits them
  if (system.f_blocks != 0) {
    room = {system.f_bfree * static_cast<std::uint64_t>(system.f_bsize),
            in_memory ? "its tmpfs" : "its device"};
  }
  const auto memory = in_memory ? available_memory() : std::nullopt;
  if (memory && (!room || *memory < room->bytes)) room = {*memory, "memory and swap"};
  return room;
}

/// Signals wait, for each one would undo the step: a large one would be begun again and again, without end.
int allocate(int fd, int mode, std::uint64_t offset, std::uint64_t length) noexcept {
  const auto from = static_cast<off_t>(offset);
  const auto count = static_cast<off_t>(length);
  sigset_t all, previous;
  sigfillset(&all);
  pthread_sigmask(SIG_SETMASK, &all, &previous);
  int error = retry([&] { return ::fallocate(fd, mode, from, count); }) == 0 ? 0 : errno;
  if (error == EOPNOTSUPP) {
    do {
      error = ::posix_fallocate(fd, from, count);  // writes into each block where the system has no call
    } while (error == EINTR);
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  return error;
}

/// The length changes in the last call, which can only make the file longer, whoever grew it meanwhile.
int allocate_all(int fd, std::uint64_t size) noexcept {
  for (std::uint64_t at = 0; at < size; at += step_bytes) {
    const int error = allocate(fd, FALLOC_FL_KEEP_SIZE, at, std::min(step_bytes, size - at));
    if (error != 0) return error;
  }
  return allocate(fd, 0, size - 1, 1);
}

/// Gives back what was allocated beyond the end.
void trim(int fd) noexcept {
  struct stat now{};
  if (::fstat(fd, &now) != 0) return;
  [[maybe_unused]] const int trimmed =
      ::ftruncate(fd, now.st_size);  // what failed first is the error to tell
}

}  // namespace

Result<void> reserve(int fd, std::uint64_t size, std::string_view operation, const std::string& subject,
                     void (*first)(int fd, std::uint64_t size) noexcept) {
  struct stat before{};
  if (::fstat(fd, &before) != 0) return std::unexpected(Error::from_errno(operation, subject, errno));
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
  const auto room = room_of(fd);
  std::string no_room = std::to_string(size) + " bytes are needed";
  if (room) no_room += ", " + std::to_string(room->bytes) + " are free in " + std::string(room->where);
  no_room += ": ask for less, or free some";
  const std::uint64_t allocated = static_cast<std::uint64_t>(before.st_blocks) * 512;
  if (room && size > allocated && size - allocated > room->bytes) return refuse(ENOSPC, no_room);

  if (first != nullptr) first(fd, size);
  const int error = allocate_all(fd, size);
  if (error == 0) return {};
  trim(fd);
  if (error == ENOSPC || error == ENOMEM || error == EDQUOT) return refuse(error, no_room);
  return std::unexpected(Error::from_errno(operation, subject, error));
}

std::string system_limit(const char* path) {
  std::ifstream file(path);
  std::string value;
  return std::getline(file, value) ? value : "unknown";
}

}  // namespace tenon::os
