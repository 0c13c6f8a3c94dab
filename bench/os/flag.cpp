#include "bench/os/flag.hpp"

#include <algorithm>
#include <array>

#include "bench/os/clock.hpp"

namespace bench {
namespace {

constexpr std::uint32_t trips = 101;
constexpr int looks_between_clocks = 256;
constexpr std::int64_t patience_ns = 100'000'000;  // the other may have to wait for its CPU

bool becomes(const std::atomic<std::uint32_t>& word, std::uint32_t value) noexcept {
  std::int64_t until = 0;
  for (;;) {
    for (int look = 0; look < looks_between_clocks; ++look) {
      if (word.load(std::memory_order_acquire) == value) return true;  // SYNC: flag
    }
    const std::int64_t now = now_ns();
    if (until == 0) until = now + patience_ns;
    if (now >= until) return false;
  }
}

}  // namespace

double flag_trip_ns(FlagWords& words, unsigned side) noexcept {
  std::array<std::int64_t, trips> times{};
  for (std::uint32_t trip = 1; trip <= trips; ++trip) {
    if (side == 1) {
      if (!becomes(words.there, trip)) return 0;
      words.back.store(trip, std::memory_order_release);  // SYNC: flag
      continue;
    }
    const std::int64_t started = now_ns();
    words.there.store(trip, std::memory_order_release);  // SYNC: flag
    if (!becomes(words.back, trip)) return 0;
    times[trip - 1] = now_ns() - started;
  }
  std::ranges::sort(times);
  return static_cast<double>(times[trips / 2]);
}

}  // namespace bench
