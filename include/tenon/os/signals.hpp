// Signals as something that is received, with a sender and an optional integer, instead of something that
// interrupts.
//
// signalfd(2), kill(2), sigqueue(3), signal(7). Traps that no wrapper can take away:
// - Standard signals (1 to 31) coalesce: any number of the same that arrive before the first is received are
//   one, with the sender of the first. Real-time signals (SIGRTMIN to SIGRTMAX) queue, each with its value,
//   lowest number first.
// - The mask belongs to a thread, and a signal to a process goes to *any* thread that does not block it. Make
//   the SignalFd before other threads are started: they inherit the mask. One thread without it, and the
//   signal's default action ends the process.
#pragma once

#include <cstddef>
#include <cstdint>
#include <span>
#include <thread>

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// A signal, and what the kernel knows of where it comes from.
struct ReceivedSignal {
  int number;                ///< e.g. SIGUSR1
  int sender_pid;            ///< as seen here; 0 from the kernel, or from outside our pid namespace
  std::uint32_t sender_uid;  ///< the sender's real user
  int value;                 ///< of queue_signal(); otherwise 0
  int code;  ///< si_code of sigaction(2): SI_USER (0) kill, SI_QUEUE (-1) queue_signal, > 0 the kernel
};

/// Blocks signals in the calling thread and receives them from a descriptor.
///
/// Must be destroyed in the thread that made it: its mask is opened there again, for those signals that this
/// object had closed. One that is pending at that moment takes its ordinary effect, which for most is the end
/// of the process: receive what you do not want to die of until timed_out, or keep the object until the end.
/// Threads: receive() and fd() from any thread that has the signals blocked too.
class TENON_EXPORT SignalFd {
 public:
  /// From now on `signals` wait for receive(). Their handlers are not called.
  /// Errors: invalid_argument (none, no such signal, or SIGKILL and SIGSTOP, which cannot be blocked),
  /// resource_limit (descriptors).
  static Result<SignalFd> create(std::span<const int> signals);
  static Result<SignalFd> create(std::initializer_list<int> signals) {
    return create(std::span(signals.begin(), signals.size()));
  }

  SignalFd(SignalFd&& other) noexcept;
  SignalFd& operator=(SignalFd&& other) noexcept;
  ~SignalFd() { restore(); }

  /// Waits for one of the signals. What is sent to the process, or to this very thread, is received once.
  /// Errors: timed_out, cancelled.
  Result<ReceivedSignal> receive(Deadline deadline = Deadline::never()) const;
  /// As many as are pending, at least one and at most 16, with one system call; returns how many.
  Result<std::size_t> receive(std::span<ReceivedSignal> into, Deadline deadline = Deadline::never()) const;

  /// The signals stay blocked when this object goes: for a process to which some may still be on their way.
  void keep_blocked() noexcept { blocked_ = 0; }

  /// Readable when one is pending *for the thread that polls*. Stays ours; in a forked child it tells of the
  /// child's signals.
  int fd() const noexcept { return fd_.get(); }

 private:
  SignalFd(Fd fd, std::uint64_t blocked) noexcept : fd_(std::move(fd)), blocked_(blocked) {}
  void restore() noexcept;

  Fd fd_;
  std::uint64_t blocked_;  ///< bit n - 1: we closed the mask for signal n
  std::thread::id thread_ = std::this_thread::get_id();
};

/// Ignores SIGPIPE in this process, from now on: writing to a pipe that nobody reads is an error of the write and
/// nothing else. For the beginning of main(), where a program decides for itself; a library cannot.
///
/// tenon raises no SIGPIPE in any program. For pipes that takes more than a plain write(2): with this it does not, and
/// a message costs less to send (docs/transports/pipe.md has figures). It counts on SIGPIPE staying ignored: a
/// disposition set later, while other threads write, is the program's to live with. Children made with spawn() start
/// with the default again; of others, exec(2) keeps it ignored. signal(7). Thread-safe.
TENON_EXPORT void ignore_sigpipe() noexcept;

/// Sends a signal to one process. kill(2). A pid may have passed to another process: Process::kill() is safe
/// from that. Errors: not_found (no such process), permission_denied (another user's), invalid_argument (no
/// such signal, or a pid below 1, which would mean a group, or all).
TENON_EXPORT Result<void> send_signal(int pid, int signal);

/// Sends a signal with an integer. sigqueue(3). Only real-time signals are kept one by one.
/// Errors: those of send_signal(); resource_limit: the receiver's user has too many pending
/// (RLIMIT_SIGPENDING).
TENON_EXPORT Result<void> queue_signal(int pid, int signal, int value);

}  // namespace tenon::os
