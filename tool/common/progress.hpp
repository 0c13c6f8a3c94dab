// A line on a terminal that says how far a long transfer is. Silent when standard error is no terminal, or
// when the messages themselves appear there.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>

#include "common/status_line.hpp"

namespace tool {

class Progress {
 public:
  /// `prints_data`: the command writes messages to standard output.
  Progress(std::optional<std::uint64_t> total_bytes, bool prints_data);

  /// Cheap: looks at the clock, and writes five times a second.
  void update(std::uint64_t messages, std::uint64_t bytes);
  /// The text of the line, for `elapsed` seconds.
  static std::string line(std::uint64_t messages, std::uint64_t bytes, std::optional<std::uint64_t> total,
                          double elapsed);

 private:
  using Clock = std::chrono::steady_clock;

  StatusLine line_;
  std::optional<std::uint64_t> total_;
  Clock::time_point started_ = Clock::now();
};

}  // namespace tool
