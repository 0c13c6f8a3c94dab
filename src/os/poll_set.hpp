// One level-triggered descriptor that stands for several, and for "there is something in memory". epoll(7).
#pragma once

#include <tenon/os/fd.hpp>

namespace tenon::os {

/// fd() is readable when a watched descriptor is readable or at its end, or while set_ready(true).
class PollSet {
 public:
  /// Errors: resource_limit (two descriptors are needed).
  static Result<PollSet> create();

  int fd() const noexcept { return epoll_.get(); }
  /// `fd` must be unwatched before it is closed, unless it has no duplicate.
  Result<void> watch(int fd);
  void unwatch(int fd) noexcept;
  void set_ready(bool ready) noexcept;

 private:
  PollSet(Fd epoll, Fd always_readable) noexcept
      : epoll_(std::move(epoll)), always_readable_(std::move(always_readable)) {}

  Fd epoll_;
  Fd always_readable_;  ///< asked about only while ready_
  bool ready_ = false;
};

}  // namespace tenon::os
