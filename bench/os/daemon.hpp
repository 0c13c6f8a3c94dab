// A program that has to run beside the measured processes: started, waited for until it says that it is ready, and ended
// with us, however we end.
#pragma once

#include <chrono>
#include <string>
#include <utility>
#include <vector>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

namespace bench {

/// Where PATH has the program `name`; empty if nowhere.
std::string program_path(const std::string& name);

class Daemon {
 public:
  /// Returns once it has printed `ready`. Errors: system_error (it ended first; with the last line that it printed),
  /// timed_out, resource_limit (processes).
  static tenon::Result<Daemon> start(const std::vector<std::string>& command, const std::string& ready,
                                     std::chrono::nanoseconds limit);
  Daemon(Daemon&& other) noexcept
      : pid_(std::exchange(other.pid_, -1)), starter_(other.starter_), output_(std::move(other.output_)) {}
  Daemon& operator=(Daemon&&) = delete;
  /// SIGTERM, then SIGKILL. Only in the process that started it.
  ~Daemon();

 private:
  Daemon(int pid, int starter, tenon::os::Fd output) noexcept
      : pid_(pid), starter_(starter), output_(std::move(output)) {}

  int pid_;
  int starter_;
  tenon::os::Fd output_;  ///< kept open: printing must not end it
};

/// A name of this machine that one process has at a time, and that is free again when that process has ended.
class MachineLock {
 public:
  /// Errors: timed_out (another has it).
  static tenon::Result<MachineLock> take(const std::string& name, std::chrono::nanoseconds limit);

 private:
  explicit MachineLock(tenon::os::Fd held) noexcept : held_(std::move(held)) {}
  tenon::os::Fd held_;
};

}  // namespace bench
