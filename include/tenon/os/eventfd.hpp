// A 64-bit counter in the kernel that one process raises and another waits for: a wake-up without a payload.
//
// eventfd(2). It has no name: relatives inherit it (SpawnOptions::descriptors), others get it over a Unix
// socket.
#pragma once

#include <cstdint>
#include <utility>

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// One descriptor of the counter. Any number of processes and threads may notify and wait; each wait takes
/// what it returns from all of them. All members but the moves are thread-safe.
class TENON_EXPORT EventFd {
 public:
  enum class Mode : std::uint8_t {
    counter,    ///< a wait takes all that has gathered and returns it: ten notifications may be one wake-up
    semaphore,  ///< a wait takes 1: ten notifications let ten waits through
  };

  /// The largest value of the counter, 2^64 - 2.
  static constexpr std::uint64_t maximum = UINT64_MAX - 1;

  /// A new counter that stands at `initial`. Errors: resource_limit (descriptors), invalid_argument (beyond
  /// maximum).
  static Result<EventFd> create(std::uint64_t initial = 0, Mode mode = Mode::counter);

  /// Takes an eventfd that was inherited or received; its mode is that of its creator. It becomes
  /// close-on-exec, and non-blocking *for everyone who shares it*: the flag belongs to the open file
  /// description. Errors: invalid_argument (it is no eventfd).
  static Result<EventFd> adopt(Fd fd);

  /// Adds `count` and wakes who waits. Never waits: at a full counter nothing is added and it fails with
  /// resource_limit, which means that nobody has waited for 2^64 - 2 of them. 0 adds nothing and wakes
  /// nobody. Errors: resource_limit, invalid_argument (2^64 - 1).
  Result<void> notify(std::uint64_t count = 1) const;

  /// Waits until the counter is not 0, and takes it (Mode::counter) or 1 of it (Mode::semaphore); returns
  /// what it took. Errors: timed_out, cancelled.
  Result<std::uint64_t> wait(Deadline deadline = Deadline::never()) const;

  /// Readable exactly when wait() would not wait (level-triggered, until it is taken). Stays ours.
  int fd() const noexcept { return fd_.get(); }

 private:
  explicit EventFd(Fd fd) noexcept : fd_(std::move(fd)) {}

  Fd fd_;
};

}  // namespace tenon::os
