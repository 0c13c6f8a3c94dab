// A child process with exactly the descriptors that it was given, and a descriptor that tells when a process
// has ended.
//
// fork(2), execve(2), pidfd_open(2), waitid(2). Needs Linux 5.11 (CLOSE_RANGE_CLOEXEC). Does not own pipes or
// sockets to the child: make them first, and give it one end.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// What to start, and what to give to it.
struct SpawnOptions {
  /// One of the parent's descriptors, and the number that it has in the child. O_NONBLOCK goes with it, as it
  /// belongs to the open file description: for a program that does not expect EAGAIN, set_nonblocking(fd,
  /// false) first.
  struct Given {
    int fd;  ///< stays open in the parent; close-on-exec or not makes no difference
    int as;  ///< from 0; each number once
  };

  /// [0] is the program: with a slash a path, otherwise looked up in this process's PATH. The child gets it
  /// as written.
  std::vector<std::string> arguments;
  /// NAME=value, added to the inherited environment or replacing the variable of that name in it.
  std::vector<std::string> environment{};
  /// 0, 1 and 2 are inherited unless given; of the rest the child has these and no others.
  std::vector<Given> descriptors{};
  /// The kernel kills the child (SIGKILL) when the *thread* that called spawn() ends, hence also when its
  /// process does: call it from a thread that lives as long as the child should. PR_SET_PDEATHSIG(2const).
  bool die_with_parent = false;
};

/// How a process ended. Both false: it was no child of ours, or someone else reaped it, so how it ended is
/// not known.
struct TENON_EXPORT ExitStatus {
  bool exited = false;     ///< it called exit(code), or main returned it
  int code = 0;            ///< 0 to 255
  bool signalled = false;  ///< a signal ended it
  int signal = 0;          ///< e.g. SIGKILL

  bool success() const noexcept { return exited && code == 0; }
  /// For a person: "exited with 3", "killed by SIGKILL (Killed)", "ended, how is unknown".
  std::string describe() const;

  friend bool operator==(const ExitStatus&, const ExitStatus&) = default;
};

/// One process, held by a descriptor (pidfd), which never means another one, even after its pid has been
/// given to a new one.
///
/// Dropping a child that still runs neither kills it nor waits for it: see detach().
/// Threads: kill(), running() and pidfd() from any thread; wait() and moving from one at a time.
class TENON_EXPORT Process {
 public:
  /// Starts a child. Returns once the program runs in it: a program that cannot be started is an error here,
  /// and leaves no child. The child starts with an empty signal mask, with SIGPIPE at its default, and with
  /// the ignored signals of its parent ignored. Handlers of pthread_atfork(3) run; other threads may go on
  /// meanwhile, but must not change the environment. Errors: not_found (no such program), permission_denied
  /// (not executable), invalid_argument (no argument, a variable without '=', a descriptor number that is bad
  /// or used twice, or not a program), resource_limit (processes, descriptors, memory).
  static Result<Process> spawn(const SpawnOptions& options);

  /// Watches a process that need not be a child. Its wait() cannot tell how it ended, unless it is a child
  /// after all. The pid may have been given to a new process since you learnt it: check what you can (its
  /// uid, a lock that it holds) after this call. Errors: not_found (no such process), invalid_argument (not
  /// positive, or a thread's id), resource_limit.
  static Result<Process> open(int pid);

  Process(Process&& other) noexcept = default;
  Process& operator=(Process&& other) noexcept;
  ~Process() { detach(); }

  /// Means this process as long as it runs and, for a child, until wait() has returned. Afterwards it may be
  /// anyone's.
  int pid() const noexcept { return pid_; }
  /// Readable (poll(2), epoll(7)) once the process has ended. Stays ours.
  int pidfd() const noexcept { return pidfd_.get(); }

  /// Waits until it has ended, and reaps it if spawn() made it. Again and again the same answer. Must not be
  /// called on an object that was moved from or detached. waitid(2). Errors: timed_out, cancelled.
  Result<ExitStatus> wait(Deadline deadline = Deadline::never());

  /// Sends `signal`; 0 only asks whether one may. Never hits another process. pidfd_send_signal(2).
  /// A child that has ended but was not waited for takes signals without effect. Errors: not_found (it has
  /// ended), permission_denied (another user's), invalid_argument (no such signal).
  Result<void> kill(int signal) const;

  /// Sends `signal` with an integer, as queue_signal() does, but never to another process. The receiver sees the
  /// pid and the user that this process has here. Errors: those of kill(); resource_limit: the receiver's user has
  /// too many pending (RLIMIT_SIGPENDING).
  Result<void> queue(int signal, int value) const;

  /// False as soon as it has ended, whether waited for or not.
  bool running() const noexcept;

  /// Lets go of it; the object is empty then. A child that has ended is reaped. One that still runs goes on,
  /// keeps one descriptor of ours, and is reaped by the next spawn() or detach() after its end: no more
  /// zombies pile up than children end between two of those.
  void detach() noexcept;

 private:
  Process(int pid, Fd pidfd, bool spawned) noexcept
      : pid_(pid), spawned_(spawned), pidfd_(std::move(pidfd)) {}

  int pid_;
  bool spawned_;  ///< ours to reap
  Fd pidfd_;
  std::optional<ExitStatus> status_;
};

}  // namespace tenon::os
