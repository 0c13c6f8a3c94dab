#include "os/coarse_clock.hpp"

#include <ctime>

namespace tenon::os {

std::chrono::nanoseconds coarse_time() noexcept {
  timespec now{};
  ::clock_gettime(CLOCK_MONOTONIC_COARSE, &now);
  return std::chrono::seconds(now.tv_sec) + std::chrono::nanoseconds(now.tv_nsec);
}

}  // namespace tenon::os
