#include "os/sigpipe.hpp"

#include <fcntl.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <ctime>

#include <tenon/os/signals.hpp>

namespace tenon::os {
namespace {

#ifndef RWF_NOSIGNAL
constexpr int RWF_NOSIGNAL = 0x00000100;  // <linux/fs.h> since Linux 6.18
#endif

/// Asks the kernel once, on a pipe of our own: other kinds of descriptor refuse flags for their own reasons.
bool kernel_knows_nosignal() noexcept {
  int ends[2];
  if (::pipe2(ends, O_CLOEXEC) != 0) return false;
  const iovec nothing{};
  const bool known = ::pwritev2(ends[1], &nothing, 0, -1, RWF_NOSIGNAL) == 0;
  ::close(ends[0]);
  ::close(ends[1]);
  return known;
}

bool sigpipe_pending() noexcept {
  sigset_t pending;
  sigpending(&pending);
  return sigismember(&pending, SIGPIPE) == 1;
}

ssize_t writev_with_sigpipe_blocked(int fd, const iovec* parts, int count) noexcept {
  sigset_t only_sigpipe;
  sigset_t previous;
  sigemptyset(&only_sigpipe);
  sigaddset(&only_sigpipe, SIGPIPE);
  pthread_sigmask(SIG_BLOCK, &only_sigpipe, &previous);
  // One that the user blocked and that was pending before stays pending.
  const bool was_pending = sigismember(&previous, SIGPIPE) == 1 && sigpipe_pending();
  const ssize_t written = ::writev(fd, parts, count);
  const int write_errno = errno;
  if (written == -1 && write_errno == EPIPE && !was_pending) {
    const timespec at_once{};
    while (sigtimedwait(&only_sigpipe, nullptr, &at_once) == -1 && errno == EINTR) {
    }
  }
  pthread_sigmask(SIG_SETMASK, &previous, nullptr);
  errno = write_errno;
  return written;
}

}  // namespace

// Relaxed: whoever does not see it yet takes the longer way.
std::atomic<bool> sigpipe_is_ignored = false;

void ignore_sigpipe() noexcept {
  ::signal(SIGPIPE, SIG_IGN);
  sigpipe_is_ignored.store(true, std::memory_order_relaxed);
}

ssize_t writev_no_sigpipe(int fd, const iovec* parts, int count) noexcept {
  if (sigpipe_is_ignored.load(std::memory_order_relaxed)) return ::writev(fd, parts, count);
  static const bool nosignal = kernel_knows_nosignal();
  if (nosignal) {
    const ssize_t written = ::pwritev2(fd, parts, count, -1, RWF_NOSIGNAL);
    if (written != -1 || errno != EOPNOTSUPP) return written;  // this kind of descriptor takes no flags
  }
  return writev_with_sigpipe_blocked(fd, parts, count);
}

}  // namespace tenon::os
