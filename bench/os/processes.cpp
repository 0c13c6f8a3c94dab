#include "bench/os/processes.hpp"

#include <poll.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <csignal>
#include <new>
#include <optional>
#include <vector>

#include <fmt/format.h>
#include <tenon/os/fd.hpp>

namespace bench {
namespace {

using tenon::Deadline;
using tenon::Errc;
using tenon::Error;
using tenon::Result;

constexpr std::chrono::seconds grace{1};

/// A child of ours that is killed and waited for at the latest when this goes.
class Child {
 public:
  Child(int pid, tenon::os::Fd pidfd) : pid_(pid), pidfd_(std::move(pidfd)) {}
  Child(Child&& other) noexcept : pid_(std::exchange(other.pid_, -1)), pidfd_(std::move(other.pidfd_)) {}
  Child& operator=(Child&&) = delete;
  ~Child() {
    if (pid_ <= 0) return;
    ::kill(pid_, SIGKILL);
    static_cast<void>(reap());
  }
  int pidfd() const noexcept { return pidfd_.get(); }
  bool running() const noexcept { return pid_ > 0; }

  /// Waits for it. Empty unless a signal ended it.
  std::optional<int> reap() noexcept {
    int status = 0;
    while (::waitpid(pid_, &status, 0) < 0 && errno == EINTR) {
    }
    pid_ = -1;
    if (!WIFSIGNALED(status)) return std::nullopt;
    return WTERMSIG(status);
  }

 private:
  int pid_;
  tenon::os::Fd pidfd_;
};

[[noreturn]] void be(unsigned number, const Side& side, const Placement& placement, Exchange& exchange) {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(signal, SIG_IGN);
  exchange.enter(number);
  SideReport& report = exchange.side(number);
  try {
    auto result = placement.apply(number);
    if (result) result = side();
    if (result) {
      report.done = true;
    } else {
      report.fail(result.error());
    }
  } catch (const std::bad_alloc&) {
    report.fail(Error(Errc::resource_limit, "measure", "memory", "there is none left"));
  }
  ::_exit(0);
}

Result<Child> start(unsigned number, const Side& side, const Placement& placement, Exchange& exchange) {
  const int pid = ::fork();
  if (pid < 0) return std::unexpected(Error::from_errno("fork", "a measured process", errno));
  if (pid == 0) be(number, side, placement, exchange);
  tenon::os::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  const int reason = errno;
  Child child(pid, std::move(pidfd));
  if (child.pidfd() < 0) return std::unexpected(Error::from_errno("watch", "a measured process", reason));
  return child;
}

/// Waits until one of those that run has ended, and reaps it; false when `until` has passed.
bool reap_one(std::vector<Child>& children, Exchange& exchange, Deadline until) {
  std::vector<pollfd> waits;
  for (const Child& child : children) waits.push_back({child.running() ? child.pidfd() : -1, POLLIN, 0});
  const auto left = std::chrono::ceil<std::chrono::milliseconds>(until.remaining());
  const int ready = ::poll(waits.data(), waits.size(), static_cast<int>(left.count()));
  if (ready == 0) return false;
  for (unsigned number = 0; number < children.size(); ++number) {
    if ((waits[number].revents & POLLIN) == 0) continue;
    const auto signal = children[number].reap();
    exchange.pids()[number].store(0, std::memory_order_relaxed);
    if (signal) {
      exchange.side(number).fail(Error(Errc::peer_died, "measure", fmt::format("side {}", number),
                                       fmt::format("signal {} ended it", *signal)));
    }
  }
  return true;
}

}  // namespace

Result<void> run_sides(std::span<const Side> sides, const Placement& placement, Exchange& exchange,
                       std::chrono::nanoseconds limit) {
  std::vector<Child> children;
  for (unsigned number = 0; number < sides.size(); ++number) {
    auto child = start(number, sides[number], placement, exchange);
    if (!child) return std::unexpected(child.error());
    children.push_back(std::move(*child));
  }
  Deadline until = Deadline::in(limit);
  std::string failure;
  while (std::ranges::any_of(children, &Child::running)) {
    if (!reap_one(children, exchange, until)) {
      if (failure.empty())
        failure =
            fmt::format("it was not over after {} s", std::chrono::ceil<std::chrono::seconds>(limit).count());
      return std::unexpected(Error(Errc::timed_out, "measure", "both sides", failure));
    }
    for (unsigned number = 0; number < children.size(); ++number) {
      const SideReport& report = exchange.side(number);
      if (children[number].running() || report.done || !failure.empty()) continue;
      failure = report.failure.data();
      until = until.or_earlier(Deadline::in(grace));
    }
  }
  if (failure.empty()) return {};
  return std::unexpected(Error(Errc::system_error, "measure", "a row", failure));
}

}  // namespace bench
