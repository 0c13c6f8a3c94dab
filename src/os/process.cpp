#include <tenon/os/process.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <cstring>
#include <mutex>
#include <new>
#include <string_view>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr idtype_t by_pidfd =
    static_cast<idtype_t>(3);  // P_PIDFD, which <sys/wait.h> and <linux/wait.h> both define

// By number: glibc 2.36 declares both without extern "C".
int pidfd_of(pid_t pid) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_open, pid, 0));
}
int send_signal_to(int pidfd, int signal) noexcept {
  return static_cast<int>(::syscall(SYS_pidfd_send_signal, pidfd, signal, nullptr, 0));
}

/// Where the child failed, as it tells its parent.
enum class Stage { descriptors, parent_death, exec };

struct Failure {
  Stage stage;
  int system_errno;
};

/// All that the child needs, made before the fork: between fork and exec only async-signal-safe calls are
/// allowed.
struct Plan {
  std::vector<std::string> environment_texts;
  std::vector<std::string> candidate_texts;
  std::vector<char*> arguments;
  std::vector<char*> environment;
  std::vector<const char*> candidates;
  std::vector<SpawnOptions::Given> descriptors;
  std::string path;  ///< where the program was looked for; empty if it was named by its path
  int first_free = 3;
  bool die_with_parent = false;
  pid_t parent = 0;
};

Result<void> plan_environment(const SpawnOptions& options, Plan& plan) {
  for (const auto& variable : options.environment) {
    if (variable.find('=') == std::string::npos || variable.starts_with('=')) {
      return std::unexpected(
          Error(Errc::invalid_argument, "spawn with environment", variable, "write NAME=value"));
    }
  }
  const auto name_of = [](std::string_view variable) { return variable.substr(0, variable.find('=')); };
  for (char** inherited = environ; inherited != nullptr && *inherited != nullptr; ++inherited) {
    const bool replaced = std::ranges::any_of(options.environment, [&](const std::string& variable) {
      return name_of(variable) == name_of(*inherited);
    });
    if (!replaced) plan.environment_texts.emplace_back(*inherited);
  }
  plan.environment_texts.insert(plan.environment_texts.end(), options.environment.begin(),
                                options.environment.end());
  for (auto& variable : plan.environment_texts) plan.environment.push_back(variable.data());
  plan.environment.push_back(nullptr);
  return {};
}

void plan_candidates(const std::string& program, Plan& plan) {
  if (program.find('/') != std::string::npos) {
    plan.candidate_texts.push_back(program);
  } else {
    const char* path = ::getenv("PATH");
    plan.path = path != nullptr ? path : "/bin:/usr/bin";  // as execvp(3)
    for (std::size_t begin = 0; begin <= plan.path.size();) {
      const std::size_t end = std::min(plan.path.find(':', begin), plan.path.size());
      const std::string folder = plan.path.substr(begin, end - begin);
      plan.candidate_texts.push_back(folder.empty() ? "./" + program : folder + "/" + program);
      begin = end + 1;
    }
  }
  for (const auto& candidate : plan.candidate_texts) plan.candidates.push_back(candidate.c_str());
  plan.candidates.push_back(nullptr);
}

Result<void> plan_descriptors(const SpawnOptions& options, Plan& plan) {
  plan.descriptors = options.descriptors;
  for (auto given = plan.descriptors.begin(); given != plan.descriptors.end(); ++given) {
    const std::string number = std::to_string(given->as);
    if (given->as < 0 || ::fcntl(given->fd, F_GETFD) < 0) {
      return std::unexpected(Error(Errc::invalid_argument, "spawn with descriptor",
                                   std::to_string(given->fd) + " as " + number,
                                   "not an open descriptor, or a negative number"));
    }
    if (std::any_of(plan.descriptors.begin(), given,
                    [&](const auto& other) { return other.as == given->as; })) {
      return std::unexpected(
          Error(Errc::invalid_argument, "spawn with descriptor", number, "the number is given twice"));
    }
    plan.first_free = std::max(plan.first_free, given->as + 1);
  }
  return {};
}

Result<Plan> make_plan(const SpawnOptions& options) {
  if (options.arguments.empty() || options.arguments.front().empty()) {
    return std::unexpected(
        Error(Errc::invalid_argument, "spawn", "nothing", "arguments[0] names the program"));
  }
  Plan plan;
  TRY(plan_environment(options, plan));
  plan_candidates(options.arguments.front(), plan);
  TRY(plan_descriptors(options, plan));
  for (const auto& argument : options.arguments)
    plan.arguments.push_back(const_cast<char*>(argument.c_str()));
  plan.arguments.push_back(nullptr);
  plan.die_with_parent = options.die_with_parent;
  plan.parent = ::getpid();
  return plan;
}

[[noreturn]] void give_up(int report_fd, Stage stage) noexcept {
  const Failure failure{stage, errno};
  ::send(report_fd, &failure, sizeof failure, MSG_NOSIGNAL);
  ::_exit(127);
}

/// The parent's handlers must not run in the child; exec would reset them only after the mask is open again.
void restore_signals() noexcept {
  struct sigaction by_default{};
  by_default.sa_handler = SIG_DFL;
  for (int signal = 1; signal < NSIG; ++signal) {
    struct sigaction now{};
    if (::sigaction(signal, nullptr, &now) != 0) continue;  // the C library's own
    if (now.sa_handler != SIG_IGN || signal == SIGPIPE) ::sigaction(signal, &by_default, nullptr);
  }
  sigset_t none;
  sigemptyset(&none);
  ::sigprocmask(SIG_SETMASK, &none, nullptr);
}

/// Everything from 3 up becomes close-on-exec; what is given is first moved out of the way of all the numbers
/// wanted, then put there.
bool place_descriptors(Plan& plan, int& report_fd) noexcept {
  report_fd = ::fcntl(report_fd, F_DUPFD_CLOEXEC, plan.first_free);
  if (report_fd < 0) return false;
  for (auto& given : plan.descriptors) {
    given.fd = ::fcntl(given.fd, F_DUPFD_CLOEXEC, plan.first_free);
    if (given.fd < 0) return false;
  }
  if (::close_range(3, ~0U, CLOSE_RANGE_CLOEXEC) != 0) return false;
  return std::ranges::all_of(plan.descriptors, [](const auto& given) {
    return retry([&] { return ::dup2(given.fd, given.as); }) >= 0;
  });
}

[[noreturn]] void run_child(Plan& plan, int report_fd) noexcept {
  char go = 0;
  if (retry([&] { return ::recv(report_fd, &go, 1, 0); }) != 1)
    ::_exit(127);  // the parent gave up or is gone
  if (plan.die_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(report_fd, Stage::parent_death);
    if (::getppid() != plan.parent) ::_exit(127);
  }
  const int first_report_fd = report_fd;
  if (!place_descriptors(plan, report_fd))
    give_up(report_fd < 0 ? first_report_fd : report_fd, Stage::descriptors);
  restore_signals();
  int reason = ENOENT;
  for (const char* candidate : plan.candidates) {
    if (candidate == nullptr) break;
    ::execve(candidate, plan.arguments.data(), plan.environment.data());
    const int failed = errno;
    const bool is_there =
        plan.path.empty() || ::access(candidate, F_OK) == 0;  // a closed folder of PATH is no cause
    if (failed == EACCES && is_there) reason = EACCES;
    if (failed == ENOENT || failed == ENOTDIR || failed == EACCES) continue;  // as execvp(3)
    reason = failed;
    break;
  }
  errno = reason;
  give_up(report_fd, Stage::exec);
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

Error cannot_start(const std::string& program, const Plan& plan, Failure failure) {
  switch (failure.stage) {
    case Stage::exec:
      return cannot_exec(program, plan.path, failure.system_errno);
    case Stage::parent_death:
      return Error::from_errno("tie to its parent", program, failure.system_errno);
    case Stage::descriptors:
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
pid_t fork_with_signals_blocked(Plan& plan, int child_end) noexcept {
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
      retry([&] { return ::waitid(by_pidfd, static_cast<id_t>(pidfd), &info, WEXITED | WNOHANG); });
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
  Plan plan = TRY(make_plan(options));
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
  Failure failure{};
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
    return std::unexpected(Error(Errc::not_found, "open process", subject, "it has ended", ESRCH));
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
  const int answer = retry([&] { return ::waitid(by_pidfd, static_cast<id_t>(pidfd_.get()), &info, how); });
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
