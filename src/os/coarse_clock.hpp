// What time it is, to a few milliseconds and at a tenth of the price. Not public.
#pragma once

#include <chrono>

namespace tenon::os {

/// CLOCK_MONOTONIC_COARSE, clock_gettime(2): the time of the system's last tick, so at most some 10 ms ago.
std::chrono::nanoseconds coarse_time() noexcept;

}  // namespace tenon::os
