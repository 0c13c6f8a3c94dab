// A report as tables for a terminal.
#pragma once

#include <cstdint>
#include <string>

#include "bench/report.hpp"

namespace bench {

std::string text_of(const Report& report);

/// "4.5 us", "210 ns".
std::string time_text(double nanoseconds);
/// "1 repetition", "5 repetitions".
std::string times_text(std::uint64_t repetitions);
/// "1.20 M/s", "46.6 k/s".
std::string rate_text(double per_second);
/// "1.04"; of small ones, where two places would be none, "0.004".
std::string ratio_text(double ratio);
/// What a cell's figure is, with its unit.
std::string figure_text(const Cell& cell, double figure);
/// "round trip, median time (less is better)".
std::string title_of(Workload workload);
/// Rows, sizes, … of a report, each once, in the order of the cells.
std::vector<std::string> rows_of(const Report& report);
std::vector<std::size_t> sizes_of(const Report& report);
std::vector<Workload> workloads_of(const Report& report);
std::vector<Waiting> waitings_of(const Report& report);
/// The row whose cell is the best; "" without any. Floors do not count.
std::string best_row(const Report& report, Workload workload, std::size_t size, Waiting waiting);

}  // namespace bench
