// Who may use the receiving half of a channel: its one receiving thread, and at the end, for a moment, a sender
// that looks how the stream ended.
#pragma once

#include <atomic>
#include <chrono>
#include <thread>

namespace tenon {

/// A mutex for two that hardly ever meet: one exchange to take it, one store to give it back. Who meets the other
/// sleeps in small steps.
class ReceiveLock {
 public:
  void lock() noexcept {
    while (taken_.exchange(true, std::memory_order_acquire)) {  // SYNC: receiver free
      std::this_thread::sleep_for(step);
    }
  }
  void unlock() noexcept { taken_.store(false, std::memory_order_release); }  // SYNC: receiver free
  /// False when the other one kept it until then.
  bool try_lock_for(std::chrono::nanoseconds patience) noexcept {
    const auto until = std::chrono::steady_clock::now() + patience;
    while (taken_.exchange(true, std::memory_order_acquire)) {  // SYNC: receiver free
      if (std::chrono::steady_clock::now() >= until) return false;
      std::this_thread::sleep_for(step);
    }
    return true;
  }

 private:
  static constexpr std::chrono::microseconds step{100};
  std::atomic<bool> taken_{false};
};

}  // namespace tenon
