#include "os/spawn_plan.hpp"

#include <fcntl.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

Result<void> plan_environment(const SpawnOptions& options, SpawnPlan& plan) {
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

void plan_candidates(const std::string& program, SpawnPlan& plan) {
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

Result<void> plan_descriptors(const SpawnOptions& options, SpawnPlan& plan) {
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

[[noreturn]] void give_up(int report_fd, SpawnStage stage) noexcept {
  const SpawnFailure failure{stage, errno};
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
bool place_descriptors(SpawnPlan& plan, int& report_fd) noexcept {
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

}  // namespace

Result<SpawnPlan> make_spawn_plan(const SpawnOptions& options) {
  if (options.arguments.empty() || options.arguments.front().empty()) {
    return std::unexpected(
        Error(Errc::invalid_argument, "spawn", "nothing", "arguments[0] names the program"));
  }
  SpawnPlan plan;
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

[[noreturn]] void run_child(SpawnPlan& plan, int report_fd) noexcept {
  char go = 0;
  if (retry([&] { return ::recv(report_fd, &go, 1, 0); }) != 1)
    ::_exit(127);  // the parent gave up or is gone
  if (plan.die_with_parent) {
    if (::prctl(PR_SET_PDEATHSIG, SIGKILL) != 0) give_up(report_fd, SpawnStage::parent_death);
    if (::getppid() != plan.parent) ::_exit(127);
  }
  const int first_report_fd = report_fd;
  if (!place_descriptors(plan, report_fd))
    give_up(report_fd < 0 ? first_report_fd : report_fd, SpawnStage::descriptors);
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
  give_up(report_fd, SpawnStage::exec);
}

}  // namespace tenon::os
