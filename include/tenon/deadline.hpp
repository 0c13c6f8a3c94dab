// When to stop waiting: an absolute time on the monotonic clock, and optionally someone who may cancel the wait.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>

#include <tenon/error.hpp>
#include <tenon/export.hpp>

namespace tenon {

/// Ends waits from elsewhere: from another thread, or from a signal handler (cancel() is async-signal-safe).
/// Once used it stays used: waits that begin later end at once too, until reset().
/// Costs one descriptor (eventfd(2)). Must outlive every Deadline that names it. All members are thread-safe.
class TENON_EXPORT Canceller {
 public:
  /// Errors: resource_limit (no descriptor left).
  static Result<Canceller> create();
  Canceller(Canceller&& other) noexcept;
  Canceller& operator=(Canceller&& other) noexcept;
  ~Canceller();

  /// Ends every wait whose deadline names this object with Errc::cancelled.
  void cancel() noexcept;
  /// Lets later waits wait again.
  void reset() noexcept;
  bool cancelled() const noexcept { return cancelled_.load(std::memory_order_acquire); }
  /// Readable once cancelled: for an event loop of one's own.
  int poll_fd() const noexcept { return fd_; }

 private:
  explicit Canceller(int fd) noexcept : fd_(fd) {}
  int fd_;
  std::atomic<bool> cancelled_{false};
};

/// An absolute time on CLOCK_MONOTONIC, so that one deadline can be handed through many calls. A value: copy it.
class Deadline {
 public:
  using Clock = std::chrono::steady_clock;

  /// `after` from now; negative counts as zero; beyond 292 years it is never().
  static Deadline in(std::chrono::nanoseconds after) noexcept {
    const auto now = Clock::now();
    if (after <= std::chrono::nanoseconds::zero()) return Deadline(now);
    return after > Clock::time_point::max() - now ? never() : Deadline(now + after);
  }
  static Deadline at(Clock::time_point when) noexcept { return Deadline(when); }
  /// Do what can be done without waiting. Reads no clock.
  static constexpr Deadline now() noexcept { return Deadline(Clock::time_point::min()); }
  static constexpr Deadline never() noexcept { return Deadline(Clock::time_point::max()); }

  /// The same deadline, ended early when `canceller` is used. It must outlive the wait.
  Deadline unless(const Canceller& canceller) const noexcept {
    Deadline result = *this;
    result.canceller_ = &canceller;
    return result;
  }

  bool is_never() const noexcept { return when_ == Clock::time_point::max(); }
  bool is_now() const noexcept { return when_ == Clock::time_point::min(); }
  Clock::time_point time() const noexcept { return when_; }
  const Canceller* canceller() const noexcept { return canceller_; }
  bool cancelled() const noexcept { return canceller_ != nullptr && canceller_->cancelled(); }
  bool expired() const noexcept { return is_now() || (!is_never() && Clock::now() >= when_); }
  /// Time left, at least zero; nanoseconds::max() for never().
  std::chrono::nanoseconds remaining() const noexcept {
    if (is_never()) return std::chrono::nanoseconds::max();
    if (is_now()) return std::chrono::nanoseconds::zero();
    const auto left = when_ - Clock::now();
    return left > Clock::duration::zero() ? left : Clock::duration::zero();
  }
  /// The earlier of the two; keeps this one's canceller.
  Deadline or_earlier(Deadline other) const noexcept {
    Deadline result = *this;
    if (other.when_ < when_) result.when_ = other.when_;
    return result;
  }

 private:
  explicit constexpr Deadline(Clock::time_point when) noexcept : when_(when) {}
  Clock::time_point when_;
  const Canceller* canceller_ = nullptr;
};

}  // namespace tenon
