// What `tenon bench` and `tenon advise` share: the progress line, and reading a report.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "bench/saved.hpp"

namespace tool {

/// The line on a terminal's standard error that says how long measuring still takes.
class BenchLine {
 public:
  BenchLine();
  ~BenchLine();
  BenchLine(const BenchLine&) = delete;
  BenchLine& operator=(const BenchLine&) = delete;

  void show(std::uint64_t done, std::uint64_t total, std::chrono::nanoseconds left);

 private:
  bool enabled_;
  bool shown_ = false;
  std::chrono::steady_clock::time_point next_{};
};

/// A file that tenon bench --json wrote. Errors: those of open_input() and bench::read_report().
tenon::Result<bench::SavedReport> read_report_file(const std::string& path);

}  // namespace tool
