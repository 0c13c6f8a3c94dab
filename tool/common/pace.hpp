// At most so many events per second, evenly spaced.
#pragma once

#include <chrono>
#include <optional>

#include <tenon/deadline.hpp>
#include <tenon/os/fd.hpp>

namespace tool {

/// Without a rate it never waits. An event that comes late does not make the later ones hurry: the pace is an
/// upper limit from then on.
class Pace {
 public:
  explicit Pace(std::optional<double> per_second) {
    if (per_second) gap_ = std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / *per_second));
  }
  bool limited() const noexcept { return gap_.count() > 0; }

  /// Waits for the next event's time. Errors: cancelled.
  tenon::Result<void> wait(const tenon::Canceller& canceller) {
    if (!limited()) return {};
    const auto now = tenon::Deadline::Clock::now();
    if (next_ > now) {
      const auto slept = tenon::os::wait_for(canceller.poll_fd(), tenon::os::Wait::readable,
                                             tenon::Deadline::at(next_).unless(canceller));
      if (canceller.cancelled()) return std::unexpected(tenon::Error(tenon::Errc::cancelled, "wait"));
      (void)slept;  // timed_out: it is time
    }
    next_ = std::max(next_, now) + gap_;
    return {};
  }

 private:
  std::chrono::nanoseconds gap_{0};
  tenon::Deadline::Clock::time_point next_{};
};

}  // namespace tool
