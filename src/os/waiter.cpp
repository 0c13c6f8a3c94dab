#include "os/waiter.hpp"

#include <sched.h>
#include <unistd.h>
#include <algorithm>
#include <utility>

#include "base/try.hpp"

namespace tenon::os {
namespace {

bool machine_has_one_cpu() noexcept {
  return ::sysconf(_SC_NPROCESSORS_ONLN) < 2;
}

/// Perhaps the same one as our peer; perhaps it is bound to another.
bool may_use_one_cpu() noexcept {
  cpu_set_t cpus;
  return ::sched_getaffinity(0, sizeof cpus, &cpus) != 0 || CPU_COUNT(&cpus) < 2;
}

constexpr std::uint32_t sleeps_before_first_trial = 8;
constexpr std::uint32_t most_sleeps_before_trial = 512;

}  // namespace

Waiter::Waiter(WaitMode mode) noexcept
    : mode_(mode == WaitMode::hybrid && machine_has_one_cpu() ? WaitMode::block : mode) {
  if (mode_ != WaitMode::hybrid || !may_use_one_cpu()) return;
  budget_ = std::chrono::nanoseconds::zero();
  sleeps_before_trial_ = sleeps_before_first_trial;
}

bool Waiter::keep_spinning() {
  const auto now = Deadline::Clock::now();
  if (!spinning_) {
    if (budget_ == std::chrono::nanoseconds::zero() && ++sleeps_without_spin_ > sleeps_before_trial_) {
      sleeps_without_spin_ = 0;
      sleeps_before_trial_ = std::min(2 * sleeps_before_trial_, most_sleeps_before_trial);
      budget_ = spin_limit;
    }
    spinning_ = true;
    spin_start_ = now;
  }
  return now - spin_start_ < budget_;
}

/// The next try is another call's first.
std::unexpected<Error> Waiter::give_up(Errc code) {
  waiting_ = false;
  turning_ = false;
  return std::unexpected(Error(code, "wait for"));
}

/// False: try again at once.
Result<bool> Waiter::goes_to_sleep(Deadline deadline) {
  if (!std::exchange(waiting_, true)) ++waits_;
  if (deadline.cancelled()) return give_up(Errc::cancelled);
  if (deadline.is_now()) return give_up(Errc::timed_out);
  if (mode_ == WaitMode::spin || (mode_ == WaitMode::hybrid && keep_spinning())) {
    if (deadline.expired()) return give_up(Errc::timed_out);
    ++turns_;
    turning_ = true;
    return false;
  }
  turning_ = false;
  slept_ = true;
  ++sleeps_;
  return true;
}

/// From a wait that is over.
void Waiter::learn() noexcept {
  if (slept_) {
    budget_ = budget_ < std::chrono::microseconds(5) ? std::chrono::nanoseconds::zero() : budget_ / 2;
  } else {
    budget_ = std::min(spin_limit, budget_ * 2);
    sleeps_before_trial_ = 1;
  }
  spinning_ = false;
  slept_ = false;
}

}  // namespace tenon::os
