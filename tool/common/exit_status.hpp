// Exit statuses: stable, documented in docs/command-line.md, and decided here alone.
#pragma once

#include <tenon/error.hpp>

namespace tool {

enum ExitStatus : int {
  exit_done = 0,
  exit_failure = 1,
  exit_usage = 2,
  exit_timed_out = 3,
  exit_no_one_there = 4,
  exit_peer_died = 5,
  exit_too_large = 6,
  exit_permission = 7,
  exit_protocol = 8,
  exit_signal = 128,  ///< plus the signal's number
};

/// The status for a command that ended with `code`.
int exit_status(tenon::Errc code) noexcept;

}  // namespace tool
