// Sends what a source has, as fast as the channel takes it or at a pace.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>

#include <tenon/channel.hpp>

#include "common/source.hpp"

namespace tool {

struct SendLimits {
  std::optional<std::uint64_t> count;               ///< messages; then no more is taken
  std::optional<double> rate;                       ///< messages per second
  std::optional<std::chrono::nanoseconds> timeout;  ///< for each wait for room
};

struct Sent {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
  bool cut_off = false;  ///< an error ended it while messages were at hand
};

/// Until the source ends, or `limits.count` is reached. Nothing that was read waits for more to be read.
/// `sent` counts also when it fails. `progress` may be null. Errors: those of Channel::send and of the
/// source; cancelled.
class Progress;
tenon::Result<void> send_all(tenon::Channel& channel, Source& source, const SendLimits& limits,
                             Progress* progress, const tenon::Canceller& canceller, Sent& sent);

}  // namespace tool
