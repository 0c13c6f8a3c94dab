// A line on the terminal of standard error that says how far something is: written anew five times a second, never
// longer than the terminal is wide, and gone in the end. Nothing where standard error is no terminal.
#pragma once

#include <chrono>
#include <string_view>

namespace tool {

class StatusLine {
 public:
  /// `wanted`: whether there may be one at all. Nothing is shown in the first `quiet`.
  explicit StatusLine(bool wanted, std::chrono::milliseconds quiet);
  ~StatusLine();
  StatusLine(const StatusLine&) = delete;
  StatusLine& operator=(const StatusLine&) = delete;

  /// Cheap: whether it is time to show() something.
  bool due() const;
  /// `text` is ASCII.
  void show(std::string_view text);

 private:
  using Clock = std::chrono::steady_clock;

  bool enabled_;
  bool shown_ = false;
  Clock::time_point next_;
};

}  // namespace tool
