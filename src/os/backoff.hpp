// Waiting for what the kernel cannot announce: ask, pause, ask again, ever less often.
#pragma once

#include <algorithm>
#include <chrono>

#include <tenon/deadline.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// The pauses between the questions: 1 ms, doubling up to 50 ms.
class Backoff {
 public:
  explicit Backoff(Deadline deadline) noexcept : deadline_(deadline) {}

  /// Pauses, or ends early when `fd` (-1: none) is readable. Errors: timed_out (the deadline has passed),
  /// cancelled.
  Result<void> pause(int fd = -1) {
    if (deadline_.expired() && !deadline_.cancelled())
      return std::unexpected(Error(Errc::timed_out, "wait for"));
    auto woken = wait_for(fd, Wait::readable, deadline_.or_earlier(Deadline::in(step_)));
    step_ = std::min(step_ * 2, longest);
    if (!woken && woken.error().code() == Errc::timed_out) return {};
    return woken;
  }

 private:
  static constexpr std::chrono::milliseconds longest{50};
  Deadline deadline_;
  std::chrono::milliseconds step_{1};
};

}  // namespace tenon::os
