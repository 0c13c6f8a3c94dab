// The clock of all measurements, and what a process has used so far.
#pragma once

#include <cstdint>

namespace bench {

/// CLOCK_MONOTONIC_RAW: never adjusted, the same for all processes.
std::int64_t now_ns() noexcept;

/// getrusage(2) of this process.
struct Usage {
  std::int64_t cpu_ns = 0;        ///< user and system
  std::uint64_t sleeps = 0;       ///< voluntary context switches
  std::uint64_t preemptions = 0;  ///< involuntary ones

  friend Usage operator-(Usage later, Usage earlier) noexcept {
    return {later.cpu_ns - earlier.cpu_ns, later.sleeps - earlier.sleeps,
            later.preemptions - earlier.preemptions};
  }
};

Usage usage_now() noexcept;
/// Of this process and all children that have been waited for.
std::int64_t cpu_of_family_ns() noexcept;

/// Memory of this process, with its share of what others use too (Pss of proc_pid_smaps(5)); without the kernel's.
std::uint64_t own_memory();

/// Tells the CPU that we spin.
void relax() noexcept;

}  // namespace bench
