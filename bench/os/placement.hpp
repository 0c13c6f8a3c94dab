// Which CPU each of the measured processes runs on.
#pragma once

#include <string>
#include <string_view>
#include <vector>

#include <tenon/error.hpp>

namespace bench {

/// Where processes are put. A value.
class Placement {
 public:
  /// `same-core`, `two-cores`, `none`, or the numbers of two CPUs, "2,3"; "" is two-cores where there are two, and
  /// otherwise same-core. Errors: invalid_argument (a CPU that this process may not use; the text lists those).
  static tenon::Result<Placement> parse(std::string_view text);

  /// Binds the calling process to the CPU of side 0, 1, …; those from 2 on share the others' in turn.
  /// Errors: system_error.
  tenon::Result<void> apply(unsigned side) const;
  /// No two sides can run at the same time, so that spinning only keeps the other from running.
  bool one_cpu() const noexcept;
  /// "CPUs 0 and 1: two cores".
  std::string describe() const;
  /// As parse() takes it.
  const std::string& name() const noexcept { return name_; }

 private:
  std::string name_;
  std::vector<int> cpus_;  ///< empty: wherever the scheduler likes
  std::size_t allowed_ = 1;
};

}  // namespace bench
