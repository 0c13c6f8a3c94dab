// Writing to a pipe that nobody reads raises SIGPIPE, and pipes have no MSG_NOSIGNAL. This keeps the signal from
// the user's program without touching its signal handlers.
#pragma once

#include <sys/types.h>
#include <sys/uio.h>
#include <atomic>

namespace tenon::os {

/// After ignore_sigpipe(): nothing has to keep the signal away.
extern std::atomic<bool> sigpipe_is_ignored;

/// writev(2) that never raises SIGPIPE: errno is EPIPE, and that is all. For pipes, sockets and files.
/// One system call with RWF_NOSIGNAL (Linux 6.18); before that SIGPIPE is blocked in this thread for the call, and
/// the one that the call raised is consumed (three system calls; after signal(7) and sigtimedwait(2)).
ssize_t writev_no_sigpipe(int fd, const iovec* parts, int count) noexcept;

}  // namespace tenon::os
