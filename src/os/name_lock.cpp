#include "os/name_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr unsigned bits_of_pid = 22;  // PID_MAX_LIMIT
constexpr std::uint64_t inode_mask = (1ULL << 40) - 1;

struct flock range_of(std::uint64_t inode, short type, off_t length) noexcept {
  struct flock range{};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>((inode & inode_mask) << bits_of_pid);
  range.l_len = length;
  return range;
}

bool runs_as(int pid, uid_t user) {
  struct stat process{};
  return ::stat(("/proc/" + std::to_string(pid)).c_str(), &process) == 0 && process.st_uid == user;
}

}  // namespace

Result<NameLock> NameLock::take(const Claim& claim, int object) {
  struct stat status{};
  if (::fstat(object, &status) != 0) return std::unexpected(claim.failed());
  NameLock lock(TRY(duplicate(claim.folder.get())), status.st_ino);
  struct flock range = range_of(status.st_ino, F_RDLCK, ::getpid());
  if (retry([&] { return ::fcntl(claim.folder.get(), F_OFD_SETLK, &range); }) == 0) return lock;
  return std::unexpected(claim.failed(errno == ENOLCK || errno == ENOMEM
                                          ? ""
                                          : "its file system has no locks: choose a place in /run or /tmp"));
}

Result<std::optional<NameLock::Holder>> NameLock::holder(const Claim& claim, int object) {
  struct stat status{};
  if (::fstat(object, &status) != 0) return std::unexpected(claim.failed());
  // What would keep us from locking it for writing, which a folder never is, is a holder.
  struct flock range = range_of(status.st_ino, F_WRLCK, off_t{1} << bits_of_pid);
  const off_t start = range.l_start;
  if (::fcntl(claim.folder.get(), F_OFD_GETLK, &range) != 0) return std::unexpected(claim.failed());
  if (range.l_type == F_UNLCK) return std::nullopt;
  Holder found;
  const bool is_pid = range.l_start == start && range.l_len > 0 && range.l_len <= off_t{1} << bits_of_pid;
  if (is_pid && runs_as(static_cast<int>(range.l_len), status.st_uid)) {
    found.pid = static_cast<int>(range.l_len);
  }
  return found;
}

NameLock::~NameLock() {
  if (!folder_) return;
  struct flock range = range_of(inode_, F_UNLCK, off_t{1} << bits_of_pid);
  // By hand: a child forked meanwhile by another thread shares the lock.
  retry([&] { return ::fcntl(folder_.get(), F_OFD_SETLK, &range); });
}

}  // namespace tenon::os
