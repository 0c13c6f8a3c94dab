// A whole run: every row with every workload, size and way of waiting, again and again, in turn.
#pragma once

#include <chrono>
#include <functional>
#include <string>
#include <vector>

#include <tenon/deadline.hpp>

#include "bench/os/placement.hpp"
#include "bench/report.hpp"
#include "bench/rows.hpp"

namespace bench {

struct Plan {
  std::string mode = "quick";
  std::vector<Row> rows;
  std::vector<Workload> workloads{Workload::round_trip, Workload::one_way, Workload::batched,
                                  Workload::in_place,   Workload::wake_up, Workload::fan_in,
                                  Workload::connect,    Workload::memory};
  std::vector<std::size_t> sizes{64, 1024, 64 * 1024, 1024 * 1024};  ///< at least `least_size` each
  std::vector<Waiting> waitings{Waiting::hybrid};
  std::uint64_t repetitions = 5;
  std::chrono::nanoseconds warm_up = std::chrono::milliseconds(3);
  std::chrono::nanoseconds measured = std::chrono::milliseconds(15);
  std::chrono::nanoseconds budget{};  ///< no repetition is begun that would not end within it; 0 is none
  double rate = 0;                    ///< of Workload::paced, a second; needed for it
  bool floors = true;
  bool peers = true;  ///< `rows` has those that are installed: say which are not
};

/// Told after every measurement: how many of how many are over, and how long the rest will take.
using Progress = std::function<void(std::uint64_t done, std::uint64_t total, std::chrono::nanoseconds left)>;

/// Carries `plan` out. A repetition of everything comes before the next one of anything, and each row is measured
/// directly before its floor, so that what changes on the machine meets all alike. A row that fails leaves the reason
/// in its cell. When `stop` is used, the measurement that is under way is the last. Errors: those of making the
/// folder, memory and processes.
tenon::Result<Report> run(const Plan& plan, const Placement& placement, const tenon::Canceller& stop,
                          const Progress& progress);

}  // namespace bench
