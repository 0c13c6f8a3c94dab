// How to wait for a descriptor: in the kernel, by trying again, or first one and then the other.
#pragma once

#include <chrono>
#include <cstdint>

#include <tenon/deadline.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

enum class WaitMode : std::uint8_t {
  block,   ///< sleep in poll(2) at once
  spin,    ///< never sleep: lowest latency, a whole CPU
  hybrid,  ///< spin for a bounded, adaptive time, then sleep
};

/// One direction's waiting. The caller's loop is: try; if it would block, pause(); if it worked,
/// progressed().
///
/// Hybrid spins for at most `spin_limit`, about twice what a sleep and wake-up across two CPUs cost: so it never
/// costs more than three times the better choice (Karlin, Li, Manasse, Owicki: Empirical studies of competitive
/// spinning, 1991), and the answer of a peer that has to be woken first still comes within it. With less, two sides
/// that both sleep would never get out of it. Waits that outlast it shorten the next ones, down to none, with a
/// trial soon at first and then seldom. A process bound to one CPU sleeps from the beginning, since its peer may need
/// that CPU, and finds out by such a trial when it does not. On a machine with one CPU hybrid is block.
class Waiter {
 public:
  explicit Waiter(WaitMode mode) noexcept;

  /// Returns when another try makes sense; `sleep(deadline)` is how to wait in the kernel. Errors: timed_out,
  /// cancelled, those of `sleep`.
  template <typename Sleep>
  Result<void> pause(Sleep sleep, Deadline deadline) {
    const auto asleep = goes_to_sleep(deadline);
    if (!asleep) return std::unexpected(asleep.error());
    return *asleep ? sleep(deadline) : Result<void>();
  }
  Result<void> pause(int fd, Wait what, Deadline deadline) {
    return pause([=](Deadline until) { return wait_for(fd, what, until); }, deadline);
  }
  /// The same in few instructions, where it can be had: true is pause() that said to try again at once. Most turns
  /// of a wait that spins; the others look at clock and canceller.
  bool spun(Deadline deadline) noexcept {
    if (!turning_ || deadline.is_now() || turns_ % turns_between_looks == 0) return false;
    ++turns_;
    return true;
  }
  void progressed() noexcept {
    turning_ = false;
    waiting_ = false;
    if (spinning_ || slept_) [[unlikely]]
      learn();
  }
  /// Whether pause() would try again for a while before it sleeps.
  bool spins() const noexcept {
    return mode_ == WaitMode::spin ||
           (mode_ == WaitMode::hybrid && !slept_ && budget_ != std::chrono::nanoseconds::zero());
  }
  /// How often it went to sleep in the kernel.
  std::uint64_t sleeps() const noexcept { return sleeps_; }
  /// How often it tried again instead.
  std::uint64_t turns() const noexcept { return turns_; }
  /// How often there was something to wait for: first tries that did not work.
  std::uint64_t waits() const noexcept { return waits_; }

 private:
  static constexpr std::chrono::nanoseconds spin_limit = std::chrono::microseconds(100);
  static constexpr unsigned turns_between_looks = 8;

  Result<bool> goes_to_sleep(Deadline deadline);
  std::unexpected<Error> give_up(Errc code);
  bool keep_spinning();
  void learn() noexcept;

  WaitMode mode_;
  bool spinning_ = false;
  bool slept_ = false;
  bool waiting_ = false;
  bool turning_ = false;  ///< this wait spins
  std::chrono::nanoseconds budget_ = spin_limit;
  std::uint32_t sleeps_without_spin_ = 0;
  std::uint32_t sleeps_before_trial_ = 1;
  Deadline::Clock::time_point spin_start_;
  std::uint64_t sleeps_ = 0;
  std::uint64_t turns_ = 0;
  std::uint64_t waits_ = 0;
};

}  // namespace tenon::os
