// The time to within a tick, for questions that are asked with every message and may be late.
#pragma once

#include <ctime>

#include <tenon/deadline.hpp>

namespace tenon::os {

/// Deadline::Clock::now(), up to 10 ms late (a tick; CONFIG_HZ), for a third of the price. clock_gettime(2),
/// CLOCK_MONOTONIC_COARSE.
inline Deadline::Clock::time_point coarse_now() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return Deadline::Clock::time_point(std::chrono::seconds(now.tv_sec) +
                                     std::chrono::nanoseconds(now.tv_nsec));
}

}  // namespace tenon::os
