// Prints received messages, many with one write, none kept back while nothing more comes.
#pragma once

#include <chrono>
#include <cstdint>
#include <functional>
#include <optional>

#include <tenon/channel.hpp>

#include "common/format.hpp"
#include "common/output.hpp"

namespace tool {

/// Appends one message; what is large is not copied.
tenon::Result<void> print_message(Output& out, Format format, tenon::ByteView message, std::uint64_t number);

struct ReceiveLimits {
  std::uint64_t count = UINT64_MAX;                  ///< messages
  tenon::Deadline until = tenon::Deadline::never();  ///< then it is enough
  std::optional<std::chrono::nanoseconds> timeout;   ///< for each wait: then it is an error
};

struct Received {
  std::uint64_t messages = 0;
  std::uint64_t bytes = 0;
};

/// Hands each message to `use` until `limits.count`, `limits.until`, an error of the channel, or one of
/// `use`. `idle` is called before a wait, and at the end: whatever was kept back must go then. Waits end with
/// `canceller`. Errors: those of Channel::borrow_many, `closed` included, and those of `use` and `idle`.
tenon::Result<void> receive_all(tenon::Channel& channel, const ReceiveLimits& limits,
                                const tenon::Canceller& canceller, Received& received,
                                const std::function<tenon::Result<void>(tenon::ByteView, std::uint64_t)>& use,
                                const std::function<tenon::Result<void>()>& idle);

}  // namespace tool
