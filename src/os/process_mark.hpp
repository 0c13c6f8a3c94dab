// A note of which process did something, enough for another process to find out later that it is gone.
//
// Owns nothing: unlike a pidfd it can lie in shared memory or in a message.
#pragma once

#include <cstdint>

namespace tenon::os {

/// A process by its number, and by what tells it apart from a later one of the same number.
struct ProcessMark {
  std::uint32_t pid = 0;
  std::uint32_t pid_namespace = 0;  ///< number of the namespace that `pid` counts in, pid_namespaces(7)
  std::uint64_t started = 0;        ///< clock ticks since boot, proc_pid_stat(5); 0: not known

  static ProcessMark of_self() noexcept;
  /// True when that process has surely ended (a zombie has). False also where that cannot be told: for a
  /// process of another pid namespace.
  bool is_gone() const noexcept;
};

}  // namespace tenon::os
