// Making another process's poll(2) return by nothing but a file that both have open: inotify(7) tells it what is done
// to the file. Three ways, so that nobody need hear its own. Not public.
#pragma once

#include <cstdint>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

enum class Nudge : std::uint8_t {
  by_reading,   ///< pread(2) of a byte
  by_touching,  ///< futimens(2)
  by_writing,   ///< pwrite(2) of a byte
};

/// One system call; `at` is a byte of the file that means nothing.
void nudge(int fd, Nudge how, std::uint64_t at) noexcept;

/// Hears one kind of nudge, and when somebody who could write to the file closes it: a process that ends does.
/// Threads: one at a time, but for fd().
class NudgeWatch {
 public:
  /// Of an open file. Errors: resource_limit (the text names the limit).
  static Result<NudgeWatch> create(int file, Nudge how);

  /// Readable when there was something.
  int fd() const noexcept { return inotify_.get(); }
  /// Forgets what there was; true if somebody closed the file. What comes later makes fd() readable again.
  bool drain() const noexcept;

 private:
  explicit NudgeWatch(Fd inotify) noexcept : inotify_(std::move(inotify)) {}
  Fd inotify_;
};

}  // namespace tenon::os
