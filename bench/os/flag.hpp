// How near two processes are to one another: the round trip of a flag in shared memory, measured by the two sides of each
// measurement before it begins. Virtual CPUs move, and figures by several times with them.
#pragma once

#include <atomic>
#include <cstdint>

namespace bench {

struct FlagWords {
  alignas(64) std::atomic<std::uint32_t> there{0};
  alignas(64) std::atomic<std::uint32_t> back{0};
};

/// The part of side 0 or 1; both run. p50 of its round trips in nanoseconds, on side 0; 0 if the other side does not
/// answer in time.
double flag_trip_ns(FlagWords& words, unsigned side) noexcept;

/// Whether two flags tell of the same distance: of one core, of cores that share a cache, of others.
inline bool same_distance(double one_ns, double other_ns) noexcept {
  constexpr double alike = 1.5;
  return one_ns < alike * other_ns && other_ns < alike * one_ns;
}

}  // namespace bench
