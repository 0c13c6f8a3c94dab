// What a report says about the machine, and how much others disturbed.
#pragma once

#include <cstdint>
#include <string>
#include <utility>
#include <vector>

namespace bench {

struct Machine {
  std::string cpu;                  ///< its model
  std::string kernel;               ///< "Linux 6.18.5"
  std::string system;               ///< "Debian GNU/Linux 12 (bookworm)"
  int cpus = 0;                     ///< that are online
  double load = 0;                  ///< average of the last minute, when we began
  std::string folder_type;          ///< file system of the folder for file: and mmap:
  std::vector<std::string> limits;  ///< of the transports, one a line
};

Machine read_machine(const std::string& folder);

/// Shares of all CPUs' time, 0 to 1; -1 where the system does not tell.
struct Noise {
  double steal = -1;       ///< taken by the hypervisor
  double other_work = -1;  ///< by other programs, and the kernel beside ours
};

/// Counts from its making on.
class NoiseMeter {
 public:
  NoiseMeter();
  Noise read() const;

 private:
  struct Ticks {
    std::uint64_t total = 0;
    std::uint64_t idle = 0;
    std::uint64_t steal = 0;
  };
  static Ticks ticks_now();

  Ticks began_;
  std::int64_t own_ns_;
};

/// "2026-11-23T06:30:00Z".
std::string utc_now();

}  // namespace bench
