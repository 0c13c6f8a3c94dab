#include <tenon/os/file_lock.hpp>

#include <fcntl.h>
#include <cerrno>

#include "base/try.hpp"
#include "os/backoff.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

struct flock whole_file(short type) noexcept {
  struct flock range{};  // l_start and l_len zero: all of it, however it grows; l_pid must be zero
  range.l_type = type;
  range.l_whence = SEEK_SET;
  return range;
}

short type_of(LockKind kind) noexcept {
  return kind == LockKind::shared ? F_RDLCK : F_WRLCK;
}

int set_lock(int fd, short type) noexcept {
  struct flock range = whole_file(type);
  return retry([&] { return ::fcntl(fd, F_OFD_SETLK, &range); }) == 0 ? 0 : errno;
}

Error lock_error(const std::string& subject, LockKind kind, int cause) {
  if (cause != EBADF) return Error::from_errno("lock", subject, cause);
  return {Errc::invalid_argument, "lock", subject,
          kind == LockKind::shared ? "a shared lock needs a file that is open for reading"
                                   : "an exclusive lock needs a file that is open for writing",
          cause};
}

std::string holder_text(int fd, LockKind kind) {
  const auto found = FileLock::holder(fd, kind);
  if (!found || !*found) return "somebody held it until just now: try again";
  const LockHolder& holder = **found;
  const std::string how = holder.kind == LockKind::shared ? "a shared" : "an exclusive";
  if (holder.process_id) return "process " + std::to_string(*holder.process_id) + " holds " + how + " lock";
  return how +
         " lock is held through an open file, for which the kernel names no process: fuser tells who has it "
         "open";
}

}  // namespace

Result<FileLock> FileLock::acquire(int fd, LockKind kind, Deadline deadline, const std::string& subject) {
  Fd ours(::fcntl(fd, F_DUPFD_CLOEXEC, 0));
  if (!ours) return std::unexpected(Error::from_errno("lock", subject, errno));
  Backoff backoff(deadline);
  for (;;) {
    const int cause = set_lock(ours.get(), type_of(kind));
    if (cause == 0) return FileLock(std::move(ours));
    if (cause != EAGAIN && cause != EACCES) return std::unexpected(lock_error(subject, kind, cause));
    if (auto paused = backoff.pause(); !paused) {
      return std::unexpected(paused.error().with("lock", subject, holder_text(ours.get(), kind)));
    }
  }
}

Result<std::optional<LockHolder>> FileLock::holder(int fd, LockKind kind) {
  struct flock range = whole_file(type_of(kind));
  if (::fcntl(fd, F_OFD_GETLK, &range) != 0) return std::unexpected(lock_error("file", kind, errno));
  if (range.l_type == F_UNLCK) return std::nullopt;
  LockHolder found{range.l_type == F_RDLCK ? LockKind::shared : LockKind::exclusive, {}};
  if (range.l_pid > 0) found.process_id = range.l_pid;
  return found;
}

FileLock& FileLock::operator=(FileLock&& other) noexcept {
  if (this != &other) {
    release();
    fd_ = std::move(other.fd_);
  }
  return *this;
}

void FileLock::release() noexcept {
  if (fd_) set_lock(fd_.get(), F_UNLCK);  // explicitly: copies of the descriptor may live on
  fd_.reset();
}

}  // namespace tenon::os
