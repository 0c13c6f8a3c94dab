// Whether the other end of a session is there. The lock on its seat and its line in the file `tenon` are the truth;
// a descriptor of its process only wakes who waits.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>

#include <tenon/os/process.hpp>

#include "channel/file/place.hpp"

namespace tenon::filelog {

/// Threads: all but lose_process() may be called by two at once, each with its own LastLook.
class Peer {
 public:
  using LastLook = Deadline::Clock::time_point;  ///< of os::coarse_now()

  /// `place` must outlive its last use.
  Peer(const Place& place, const Presence& presence);

  /// Whether it has left or died. Asks the system at most every 10 ms, unless `now`.
  bool is_gone(LastLook& last, bool now) noexcept;
  bool was_gone() const noexcept { return gone_.load(std::memory_order_acquire); }  // SYNC: peer gone

  /// Readable once its process has ended; -1 where that cannot be known (it is in another container).
  int process_descriptor() const noexcept { return pidfd_.load(std::memory_order_relaxed); }
  /// Its process has ended and its seat is taken all the same: a child of it has the channel too.
  void lose_process() noexcept { pidfd_.store(-1, std::memory_order_relaxed); }

 private:
  bool looks_gone() const noexcept;

  const Place* place_;
  Presence presence_;
  std::optional<os::Process> process_;
  std::atomic<int> pidfd_{-1};
  std::atomic<bool> gone_{false};
};

}  // namespace tenon::filelog
