// Ctrl-C and its kin, turned into a Canceller that every wait of the command looks at.
#pragma once

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>

namespace tool {

/// SIGINT, SIGTERM and SIGHUP (unless it was ignored when we started, as under nohup) use the Canceller. The
/// first one ends what we do in order; a second one has its default effect, should the first get stuck.
/// SIGPIPE is ignored: a broken pipe is an error of the write. Call it once, before any thread starts.
/// Errors: resource_limit.
tenon::Result<void> catch_signals();

/// Ends the waits of the whole command. Valid after catch_signals(), until the process ends.
tenon::Canceller& stop();

/// Our own pid.
int process_id() noexcept;

/// The number of the signal that used the Canceller, or 0.
int stopping_signal() noexcept;

}  // namespace tool
