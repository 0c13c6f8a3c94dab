#include "os/queue_use.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include <tenon/os/process.hpp>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr int pid_bits = 22;  // PID_MAX_LIMIT of Linux is 2^22: proc_sys_kernel(5), pid_max

/// Tells the pid namespaces of the machine apart: pid_namespaces(7). 0: unknown.
std::uint64_t pid_namespace() noexcept {
  struct stat found{};
  return ::stat("/proc/self/ns/pid", &found) == 0 ? found.st_ino & 0xffffffffU : 0;
}

/// Our pid and pid namespace as a number of bytes; at least 1.
off_t identity() noexcept {
  return static_cast<off_t>((pid_namespace() << pid_bits | static_cast<std::uint64_t>(::getpid())) + 1);
}

struct flock from_byte_0(short type, off_t length) noexcept {
  struct flock range{};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_len = length;
  return range;
}

/// How many bytes another opening has locked from byte 0 on; 0 for none, -1 if the kernel does not tell.
off_t locked_bytes(int queue) noexcept {
  struct flock range = from_byte_0(F_WRLCK, 1);
  if (::fcntl(queue, F_OFD_GETLK, &range) != 0) return -1;
  return range.l_type == F_UNLCK ? 0 : range.l_len + 1;
}

}  // namespace

Result<bool> enter_queue(int queue) {
  struct flock range = from_byte_0(F_WRLCK, identity());
  if (retry([&] { return ::fcntl(queue, F_OFD_SETLK, &range); }) == 0) return true;
  if (errno == EAGAIN || errno == EACCES) return false;
  return std::unexpected(Error::from_errno("lock", "queue", errno));
}

void leave_queue(int queue) noexcept {
  struct flock range = from_byte_0(F_UNLCK, 0);
  retry([&] { return ::fcntl(queue, F_OFD_SETLK, &range); });
}

bool is_queue_used(int queue) noexcept {
  return locked_bytes(queue) != 0;
}

std::optional<int> queue_user(int queue) noexcept {
  const off_t bytes = locked_bytes(queue);
  if (bytes <= 2) return std::nullopt;
  const auto number = static_cast<std::uint64_t>(bytes - 2);
  const std::uint64_t ours = pid_namespace();
  if (ours == 0 || number >> pid_bits != ours) return std::nullopt;
  return static_cast<int>(number & ((1U << pid_bits) - 1));
}

Result<Fd> watch_queue_user(int queue) {
  const auto pid = queue_user(queue);
  if (!pid) return Fd();
  auto process = Process::open(*pid);
  if (!process) {
    if (process.error().code() == Errc::resource_limit) return std::unexpected(process.error());
    return Fd();
  }
  // Still the one that holds the lock, hence alive when it was opened: the pid had not passed to another.
  if (queue_user(queue) != pid) return Fd();
  return duplicate(process->pidfd());
}

bool has_ended(const Fd& watched) noexcept {
  pollfd wait{watched.get(), POLLIN, 0};
  return watched && retry([&] { return ::poll(&wait, 1, 0); }) > 0;
}

Result<QueueFacts> facts_of_queue(int queue) {
  struct stat found{};
  if (::fstat(queue, &found) != 0) return std::unexpected(Error::from_errno("look at", "queue", errno));
  return QueueFacts{found.st_ino, found.st_uid, found.st_gid, found.st_mode & 07777U};
}

Result<void> hand_queue_to(int queue, int uid, int gid, unsigned mode) {
  const bool given = uid == -1 && gid == -1;
  if ((given || ::fchown(queue, static_cast<uid_t>(uid), static_cast<gid_t>(gid)) == 0) &&
      ::fchmod(queue, mode) == 0) {
    return {};
  }
  return std::unexpected(Error::from_errno("set owner and mode of", "queue", errno));
}

}  // namespace tenon::os
