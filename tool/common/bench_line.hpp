// What `tenon bench` and `tenon advise` share: the progress line, and reading a report.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>

#include "bench/saved.hpp"
#include "common/status_line.hpp"

namespace tool {

/// The line on a terminal's standard error that says how long measuring still takes.
class BenchLine {
 public:
  void show(std::uint64_t done, std::uint64_t total, std::chrono::nanoseconds left);

 private:
  StatusLine line_{true, std::chrono::milliseconds(0)};
};

/// A file that tenon bench --json wrote. Errors: those of open_input() and bench::read_report().
tenon::Result<bench::SavedReport> read_report_file(const std::string& path);

}  // namespace tool
