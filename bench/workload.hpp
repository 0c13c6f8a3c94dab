// What the two sides of a measurement do: round trips, or messages one way.
#pragma once

#include <chrono>
#include <cstdint>

#include <tenon/error.hpp>

#include "bench/link.hpp"
#include "bench/os/exchange.hpp"

namespace bench {

enum class Workload : std::uint8_t {
  round_trip,  ///< a message there and back, one at a time; each timed
  one_way,     ///< one message after another, a send for each
  batched,     ///< likewise, with send_many()
  in_place,    ///< likewise, written where the other side reads it; only the ends of each are touched
  wake_up,     ///< round trips with a pause before each, so that the other side is asleep
  paced,       ///< round trips that are due at a fixed rate; timed from when they were due
  fan_in,      ///< several clients send to one listener (channel_loads.hpp, like the next two)
  connect,     ///< a client connects and closes, again and again
  memory,      ///< what a channel takes
};

/// "round-trip", "one-way", "batched", …: as on the command line and in files.
const char* to_string(Workload workload) noexcept;

struct Load {
  Workload workload = Workload::round_trip;
  std::size_t size = 64;
  std::chrono::nanoseconds warm_up{};
  std::chrono::nanoseconds measured{};  ///< about so long
  std::chrono::nanoseconds interval{};  ///< from one round trip to the next; 0 is at once
};

/// They are timed, one by one: less is better.
bool has_round_trips(Workload workload) noexcept;
/// Every message is sent over a Link by work(); otherwise it is about channels, and measured with one size only.
bool is_about_links(Workload workload) noexcept;

/// The part of side 0 or 1 over `link`. Fills its report. Errors: those of the link; protocol_violation: a message was
/// lost, doubled, or not what was sent.
tenon::Result<void> work(const Load& load, unsigned side, Link& link, Exchange& exchange);

}  // namespace bench
