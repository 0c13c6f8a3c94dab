// How long a frame may take to arrive once it has begun. Reads the clock only where something is waited for.
#pragma once

#include <chrono>
#include <optional>

#include <tenon/deadline.hpp>

namespace tenon {

class FrameClock {
 public:
  /// `limit` for one frame; 0 is no limit.
  explicit FrameClock(std::chrono::nanoseconds limit) noexcept : limit_(limit) {}

  bool limited() const noexcept { return limit_ != std::chrono::nanoseconds::zero(); }

  /// A wait for more of a frame begins: until when it may last. If nobody waited for a while, what the peer had
  /// sent may have waited for room: then there is a second more, once.
  Deadline wait() noexcept {
    if (!deadline_) {
      deadline_ = Deadline::in(limit_);
      extended_ = false;
    } else if (!extended_ && deadline_->expired()) {
      deadline_ = Deadline::in(extension);
      extended_ = true;
    }
    return *deadline_;
  }
  bool expired() const noexcept { return deadline_ && deadline_->expired(); }
  /// The frame is complete.
  void finished() noexcept { deadline_.reset(); }

 private:
  static constexpr std::chrono::nanoseconds extension = std::chrono::seconds(1);

  std::chrono::nanoseconds limit_;
  std::optional<Deadline> deadline_;  ///< of the frame in progress, once it had to be waited for
  bool extended_ = false;
};

}  // namespace tenon
