#include <tenon/os/process.hpp>

#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstring>
#include <mutex>
#include <new>

#include "base/try.hpp"
#include "os/retry.hpp"
#include "os/signal_target.hpp"
#include "os/spawn_plan.hpp"

namespace tenon::os {
namespace {

// By number: glibc 2.36 declares both without extern "C".
int pidfd_of(pid_t pid) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}
int send_signal_to(int pidfd, int signal) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

std::string limit_text(int resource) {
  rlimit limit{};
  ::getrlimit(static_cast<__rlimit_resource_t>(resource), &limit);
  return limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur);
}

Error cannot_exec(const std::string& program, const std::string& path, int reason) {
  switch (reason) {
    case ENOENT:
      return Error::from_errno("spawn", program, reason,
                               path.empty() ? "no such file, or the interpreter in its first line is missing"
                                            : "no such program in PATH: " + path);
    case EACCES:
      return Error::from_errno(
          "spawn", program, reason,
          "not an executable file (chmod +x), a folder of its path is closed to this user, or its file "
          "system is mounted noexec");
    case ENOEXEC:
      return {Errc::invalid_argument, "spawn", program,
              "no program for this machine, nor a script with a #! line", reason};
    case E2BIG:
      return {Errc::resource_limit, "spawn", program,
              "arguments and environment together are too long (a quarter of the stack limit, ulimit -s: " +
                  limit_text(RLIMIT_STACK) + " bytes; 128 KiB for one string)",
              reason};
    default:
      return Error::from_errno("spawn", program, reason);
  }
}

Error cannot_start(const std::string& program, const SpawnPlan& plan, SpawnFailure failure) {
  switch (failure.stage) {
    case SpawnStage::exec:
      return cannot_exec(program, plan.path, failure.system_errno);
    case SpawnStage::parent_death:
      return Error::from_errno("tie to its parent", program, failure.system_errno);
    case SpawnStage::descriptors:
      break;
  }
  return {failure.system_errno == ENOSYS ? Errc::unsupported : Errc::resource_limit, "give descriptors to",
          program,
          failure.system_errno == ENOSYS
              ? "close_range(2) needs Linux 5.11"
              : "every number, and room for a copy of each above the highest, must stay below ulimit -n: " +
                    limit_text(RLIMIT_NOFILE),
          failure.system_errno};
}

Error cannot_fork(const std::string& program, int reason) {
  if (reason != EAGAIN) return Error::from_errno("spawn", program, reason, "no memory for another process");
  return {Errc::resource_limit, "spawn", program,
          "too many processes: the user's limit is " + limit_text(RLIMIT_NPROC) +
              " (ulimit -u), the machine's in /proc/sys/kernel/threads-max, a container's in the cgroup's "
              "pids.max",
          reason};
}

/// The child of this fork has none of the parent's signal handlers run in it: all are blocked meanwhile.
pid_t fork_with_signals_blocked(SpawnPlan& plan, int child_end) noexcept {
  sigset_t all;
  sigset_t before;
  sigfillset(&all);
  ::pthread_sigmask(SIG_SETMASK, &all, &before);
  const pid_t pid = ::fork();
  if (pid == 0) run_child(plan, child_end);
  const int fork_errno = errno;
  ::pthread_sigmask(SIG_SETMASK, &before, nullptr);
  errno = fork_errno;
  return pid;
}

void reap(pid_t pid) noexcept {
  siginfo_t ignored{};
  retry([&] { return ::waitid(P_PID, static_cast<id_t>(pid), &ignored, WEXITED); });
}

/// True if the process behind `pidfd` was reaped now, or by someone else.
bool reaped(int pidfd) noexcept {
  siginfo_t info{};
  const int answer =
      retry([&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG); });
  return answer != 0 || info.si_pid != 0;
}

/// Children that were let go while they ran.
class LeftBehind {
 public:
  void add(Fd pidfd) noexcept try {
    const std::lock_guard lock(mutex_);
    pidfds_.push_back(std::move(pidfd));
  } catch (const std::bad_alloc&) {
    return;  // a zombie, until we end
  }
  void reap_ended() noexcept {
    const std::lock_guard lock(mutex_);
    std::erase_if(pidfds_, [](const Fd& pidfd) { return reaped(pidfd.get()); });
  }

 private:
  std::mutex mutex_;
  std::vector<Fd> pidfds_;
};

LeftBehind& left_behind() {
  static LeftBehind& list = *new LeftBehind;  // never destroyed: a static Process may outlive it
  return list;
}

}  // namespace

std::string ExitStatus::describe() const {
  if (exited) return "exited with " + std::to_string(code);
  if (!signalled) return "ended, how is unknown";
  const char* name = ::sigabbrev_np(signal);
  const char* text = ::sigdescr_np(signal);
  if (name == nullptr || text == nullptr) return "killed by signal " + std::to_string(signal);
  return "killed by SIG" + std::string(name) + " (" + text + ")";
}

Result<Process> Process::spawn(const SpawnOptions& options) {
  left_behind().reap_ended();
  SpawnPlan plan = TRY(make_spawn_plan(options));
  const std::string& program = options.arguments.front();
  int ends[2];
  if (::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends) != 0) {
    return std::unexpected(Error::from_errno("spawn", program, errno));
  }
  const Fd ours(ends[0]);
  Fd childs(ends[1]);
  const pid_t pid = fork_with_signals_blocked(plan, childs.get());
  if (pid < 0) return std::unexpected(cannot_fork(program, errno));
  childs.reset();

  // The child waits for our word, so that it cannot end, and its pid not pass to another, before the pidfd is
  // open.
  Fd pidfd(pidfd_of(pid));
  if (!pidfd) {
    const Error error = Error::from_errno("spawn", program, errno);
    ::shutdown(ours.get(), SHUT_RDWR);
    reap(pid);
    return std::unexpected(error);
  }
  ::send(ours.get(), "", 1, MSG_NOSIGNAL);
  SpawnFailure failure{};
  if (retry([&] { return ::recv(ours.get(), &failure, sizeof failure, 0); }) == sizeof failure) {
    reap(pid);
    return std::unexpected(cannot_start(program, plan, failure));
  }
  return Process(pid, std::move(pidfd),
                 true);  // the end of the conversation: exec has closed the child's end
}

Result<Process> Process::open(int pid) {
  const std::string subject = "pid " + std::to_string(pid);
  Fd pidfd(pidfd_of(pid));
  if (pidfd) return Process(pid, std::move(pidfd), false);
  if (errno == ESRCH)
    return std::unexpected(
        Error(Errc::not_found, "open process", subject, "it has ended, or never was", ESRCH));
  // EINVAL up to Linux 6.14, ENOENT since: the id of a thread that does not lead its process
  if (errno == EINVAL || errno == ENOENT) {
    return std::unexpected(Error(Errc::invalid_argument, "open process", subject,
                                 "a pid is positive, and not the id of a thread within a process", errno));
  }
  return std::unexpected(Error::from_errno("open process", subject, errno));
}

Process& Process::operator=(Process&& other) noexcept {
  if (this == &other) return *this;
  detach();
  pid_ = other.pid_;
  spawned_ = other.spawned_;
  pidfd_ = std::move(other.pidfd_);
  status_ = std::exchange(other.status_, std::nullopt);
  return *this;
}

Result<ExitStatus> Process::wait(Deadline deadline) {
  if (status_) return *status_;
  assert(pidfd_);
  const auto subject = [&] { return "pid " + std::to_string(pid_); };
  if (const auto ended = wait_for(pidfd_.get(), Wait::readable, deadline); !ended) {
    return std::unexpected(ended.error().with("wait for process", subject()));
  }
  siginfo_t info{};
  const int how = WEXITED | WNOHANG | (spawned_ ? 0 : WNOWAIT);
  const int answer = retry([&] { return ::waitid(P_PIDFD, static_cast<id_t>(pidfd_.get()), &info, how); });
  if (answer != 0 && errno != ECHILD)
    return std::unexpected(Error::from_errno("wait for process", subject(), errno));
  ExitStatus status;
  if (answer == 0 && info.si_pid != 0) {
    status.exited = info.si_code == CLD_EXITED;
    status.signalled = !status.exited;
    (status.exited ? status.code : status.signal) = info.si_status;
  }
  status_ = status;
  return status;
}

Result<void> Process::kill(int signal) const {
  if (send_signal_to(pidfd_.get(), signal) == 0) return {};
  const std::string subject = "pid " + std::to_string(pid_);
  if (errno == ESRCH)
    return std::unexpected(Error(Errc::not_found, "send a signal to", subject, "it has ended", ESRCH));
  return std::unexpected(Error::from_errno("send a signal to", subject, errno));
}

Result<void> Process::queue(int signal, int value) const {
  siginfo_t info{};
  info.si_signo = signal;
  info.si_code = SI_QUEUE;
  info.si_pid = ::getpid();
  info.si_uid = ::getuid();
  info.si_value.sival_int = value;
  if (::syscall(SYS_pidfd_send_signal, pidfd_.get(), signal, &info, 0) == 0) return {};
  return std::unexpected(cannot_send_signal(pid_, signal, errno));
}

bool Process::running() const noexcept {
  pollfd wait{pidfd_.get(), POLLIN, 0};
  return pidfd_ && retry([&] { return ::poll(&wait, 1, 0); }) == 0;
}

void Process::detach() noexcept {
  if (!pidfd_) return;
  if (spawned_ && !status_ && !reaped(pidfd_.get())) left_behind().add(std::move(pidfd_));
  pidfd_.reset();
  status_.reset();
  left_behind().reap_ended();
}

}  // namespace tenon::os
