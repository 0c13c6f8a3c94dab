// The measured processes of one repetition: forked, placed, waited for, and never outliving their limit.
#pragma once

#include <chrono>
#include <functional>
#include <span>

#include <tenon/error.hpp>

#include "bench/os/exchange.hpp"
#include "bench/os/placement.hpp"

namespace bench {

/// What one process does. Its error goes into its side's report.
using Side = std::function<tenon::Result<void>()>;

/// Runs each side in a process of its own, to its end. The sides are numbered as in `sides`. They ignore the signals
/// of a terminal: who interrupts a measurement waits for its end, which is near. When one side fails the others get a
/// second to notice. Errors: what failed first; timed_out (all are killed then); resource_limit (processes).
tenon::Result<void> run_sides(std::span<const Side> sides, const Placement& placement, Exchange& exchange,
                              std::chrono::nanoseconds limit);

}  // namespace bench
