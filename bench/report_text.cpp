#include "bench/report_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tenon/units.hpp>

namespace bench {
namespace {

constexpr int name_width = 15;
constexpr int bar_width = 5;

template <typename T, typename Get>
std::vector<T> each_once(const Report& report, Get get) {
  std::vector<T> values;
  for (const Cell& cell : report.cells) {
    if (std::ranges::find(values, get(cell)) == values.end()) values.push_back(get(cell));
  }
  return values;
}

std::string scaled(double value, const char* unit) {
  const char* const form = value < 9.995 ? "{:.2f} {}" : value < 99.95 ? "{:.1f} {}" : "{:.0f} {}";
  return fmt::format(fmt::runtime(form), value, unit);
}

/// `share` (0 to 1) of `bar_width` characters.
std::string bar(double share) {
  static constexpr std::array parts{"", "▏", "▎", "▍", "▌", "▋", "▊", "▉"};
  const int eighths = std::clamp(static_cast<int>(std::lround(share * bar_width * 8)), 1, bar_width * 8);
  std::string text;
  for (int full = 0; full < eighths / 8; ++full) text += "█";
  text += parts[static_cast<std::size_t>(eighths % 8)];
  const int drawn = eighths / 8 + (eighths % 8 != 0 ? 1 : 0);
  return text + std::string(static_cast<std::size_t>(bar_width - drawn), ' ');
}

struct Column {
  Workload workload;
  std::size_t size;
  std::string heading;
};

/// Rows by columns, for one way of waiting.
class Table {
 public:
  Table(const Report& report, Waiting waiting, std::vector<Column> columns)
      : report_(report), waiting_(waiting), columns_(std::move(columns)) {}

  std::string text() {
    std::string text(name_width, ' ');
    for (const auto& column : columns_) {
      const bool floor = is_about_links(column.workload);
      text +=
          fmt::format("{:>9}   {:<{}}", column.heading, floor ? "x floor" : "", bar_width + (floor ? 7 : 1));
    }
    text.erase(text.find_last_not_of(' ') + 1);
    text += '\n';
    for (const auto& row : rows_of(report_)) {
      if (has_cells(row)) text += line(row);
    }
    return text;
  }

 private:
  bool has_cells(const std::string& row) {
    return std::ranges::any_of(columns_, [&](const Column& column) {
      return report_.find(row, false, column.workload, column.size, waiting_) != nullptr;
    });
  }

  std::string line(const std::string& row) {
    std::string text = fmt::format("{:<{}}", row, name_width);
    for (const auto& column : columns_) text += entry(row, column);
    text.erase(text.find_last_not_of(' ') + 1);
    return text + '\n';
  }

  std::string entry(const std::string& row, const Column& column) {
    const Cell* const cell = report_.find(row, false, column.workload, column.size, waiting_);
    if (cell == nullptr || cell->empty())
      return fmt::format("{:>9}{:<{}}", cell != nullptr && cell->failed ? "failed" : "-", "",
                         bar_width + (is_about_links(column.workload) ? 10 : 4));
    const double figure = cell->spread().median;
    const auto ratio = report_.against_floor(*cell);
    const bool best = best_row(report_, column.workload, column.size, waiting_) == row;
    const auto times = is_about_links(column.workload)
                           ? fmt::format(" {:<6}", ratio ? ratio_text(ratio->median) : "")
                           : std::string(" ");
    return fmt::format("{:>9}{}{}{} ", figure_text(*cell, figure), best ? " *" : "  ", times,
                       bar(share(figure, column)));
  }

  /// On a logarithmic scale, from half of the column's least to its most.
  double share(double figure, const Column& column) {
    double least = figure;
    double most = figure;
    for (const auto& row : rows_of(report_)) {
      const Cell* const cell = report_.find(row, false, column.workload, column.size, waiting_);
      if (cell == nullptr || cell->empty()) continue;
      least = std::min(least, cell->spread().median);
      most = std::max(most, cell->spread().median);
    }
    least /= 2;
    return most > least && least > 0 ? std::log(figure / least) / std::log(most / least) : 1;
  }

  const Report& report_;
  Waiting waiting_;
  std::vector<Column> columns_;
};

bool has_all_sizes(Workload workload) {
  return is_about_links(workload) && workload != Workload::wake_up;
}

/// A table for each workload that was measured with every size, and one for all others.
std::string tables(const Report& report, Waiting waiting) {
  std::string text;
  std::vector<Column> others;
  for (const auto workload : workloads_of(report)) {
    if (!has_all_sizes(workload)) {
      others.push_back({workload, sizes_of(report).front(), to_string(workload)});
      continue;
    }
    std::vector<Column> columns;
    for (const auto size : sizes_of(report)) columns.push_back({workload, size, tenon::format_size(size)});
    text += fmt::format("\n{}; waiting: {}\n", title_of(workload), to_string(waiting)) +
            Table(report, waiting, std::move(columns)).text();
  }
  if (others.empty()) return text;
  text += fmt::format("\nMessages of {}; waiting: {}\n", tenon::format_size(others.front().size),
                      to_string(waiting));
  for (const auto& column : others)
    text += fmt::format("  {}: {}\n", to_string(column.workload), title_of(column.workload));
  return text + Table(report, waiting, std::move(others)).text();
}

std::string looked_at(const std::vector<Workload>& workloads) {
  const bool in_place = std::ranges::find(workloads, Workload::in_place) != workloads.end();
  if (in_place && workloads.size() == 1) return "only the ends of messages written and checked";
  return fmt::format("every byte written and checked{}", in_place ? ", but in place" : "");
}

std::string header(const Report& report) {
  const auto& machine = report.machine;
  std::string text =
      fmt::format("{}, {} CPUs, {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.system);
  text += fmt::format("Two processes on {}; {} in turn of {} ms each{}; {}\n", report.placement,
                      times_text(report.repetitions), static_cast<double>(report.measured.count()) / 1e6,
                      report.repetitions > 1 ? ", median shown" : "", looked_at(workloads_of(report)));
  if (!report.flag_ns.empty()) {
    const auto flag = most_of(report.flag_ns);
    text += fmt::format(
        "A flag in shared memory, there and back, before each measurement: {} (nine in ten {} to {})\n",
        time_text(flag.median), time_text(flag.least), time_text(flag.most));
  }
  return text;
}

/// What the tables cannot hold: failures, losses, warnings.
std::string footer(const Report& report) {
  std::string text =
      "\n*: the best of its column. x floor: divided by the bare mechanism, measured in turn with it "
      "(batched: by its\n"
      "single sends). Bars: logarithmic, each column its own.\n";
  for (const auto& [row, version] : report.peers)
    text += fmt::format("- {}: {}, no part of tenon\n", row, version);
  const auto about_channels = [](Workload workload) { return !is_about_links(workload); };
  if (!report.peers.empty() && std::ranges::any_of(workloads_of(report), about_channels))
    text += "- other libraries: fan-in, connect and memory are measured of tenon's channels alone\n";
  if (!report.missing_peers.empty())
    text += fmt::format("- not installed, so not measured: {}\n", fmt::join(report.missing_peers, "; "));
  std::map<std::string, std::string> reasons;
  for (const Cell& cell : report.cells) {
    if (cell.absent.empty()) continue;
    const Cell* const own = report.find(cell.row, false, cell.workload, cell.size, cell.waiting);
    if (cell.floor && own != nullptr && own->absent == cell.absent) continue;  // said of the row
    const auto name = fmt::format("{}{}", cell.row, cell.floor ? " (floor)" : "");
    reasons.try_emplace(fmt::format("{}: {}", name, cell.absent),
                        fmt::format("{}, {}", to_string(cell.workload), tenon::format_size(cell.size)));
  }
  for (const auto& [reason, where] : reasons) text += fmt::format("- {} (from {} on)\n", reason, where);
  std::map<std::string, double> losses;
  for (const Cell& cell : report.cells) {
    for (const auto& repetition : cell.repetitions) {
      const auto all = static_cast<double>(repetition.lost + repetition.messages);
      auto& most = losses[cell.row + (cell.floor ? " (floor)" : "")];
      if (all > 0) most = std::max(most, static_cast<double>(repetition.lost) / all);
    }
  }
  for (const auto& [row, share] : losses) {
    if (share >= 0.001)
      text += fmt::format("- {}: up to {:.1f}% of the messages were lost; what arrived is shown\n", row,
                          share * 100);
  }
  for (const auto& warning : report.warnings()) text += fmt::format("Noisy: {}.\n", warning);
  if (report.interrupted) text += "Interrupted: this is what was finished.\n";
  return text;
}

}  // namespace

std::string time_text(double nanoseconds) {
  if (nanoseconds < 999.5) return fmt::format("{:.0f} ns", nanoseconds);
  if (nanoseconds < 999'500) return scaled(nanoseconds / 1e3, "us");
  return nanoseconds < 999'500'000 ? scaled(nanoseconds / 1e6, "ms") : scaled(nanoseconds / 1e9, "s");
}

std::string times_text(std::uint64_t repetitions) {
  return repetitions == 1 ? "1 repetition" : fmt::format("{} repetitions", repetitions);
}

std::string rate_text(double per_second) {
  if (per_second < 999.5) return fmt::format("{:.0f} /s", per_second);
  return per_second < 999'500 ? scaled(per_second / 1e3, "k/s") : scaled(per_second / 1e6, "M/s");
}

std::string ratio_text(double ratio) {
  return fmt::format(fmt::runtime(ratio < 0.095 ? "{:.1g}" : "{:.2f}"), ratio);
}

std::string figure_text(const Cell& cell, double figure) {
  return has_round_trips(cell.workload)      ? time_text(figure)
         : cell.workload == Workload::memory ? tenon::format_size(static_cast<std::uint64_t>(figure))
                                             : rate_text(figure);
}

std::string title_of(Workload workload) {
  static constexpr std::array titles{
      "Round trip, p50 (less is better)",
      "One way, a send for each message (more is better)",
      "One way, send_many (more is better)",
      "One way, in place: loan() and commit(), only the ends are touched (more is better)",
      "Round trip after a pause of 1 ms, p50 (less is better)",
      "Round trip at a fixed rate, p50 from when it was due (less is better)",
      "Four clients send to one listener, together (more is better)",
      "Connecting and closing (more is better)",
      "Memory of a channel, both sides, without the kernel's (less is better)",
  };
  return titles[static_cast<std::size_t>(workload)];
}

std::vector<std::string> rows_of(const Report& report) {
  return each_once<std::string>(report, [](const Cell& cell) { return cell.row; });
}
std::vector<std::size_t> sizes_of(const Report& report) {
  return each_once<std::size_t>(report, [](const Cell& cell) { return cell.size; });
}
std::vector<Workload> workloads_of(const Report& report) {
  return each_once<Workload>(report, [](const Cell& cell) { return cell.workload; });
}
std::vector<Waiting> waitings_of(const Report& report) {
  return each_once<Waiting>(report, [](const Cell& cell) { return cell.waiting; });
}

std::string best_row(const Report& report, Workload workload, std::size_t size, Waiting waiting) {
  const Cell* best = nullptr;
  for (const Cell& cell : report.cells) {
    if (cell.floor || cell.empty() || cell.workload != workload || cell.size != size ||
        cell.waiting != waiting)
      continue;
    const bool better =
        best == nullptr || (cell.less_is_better() ? cell.spread().median < best->spread().median
                                                  : cell.spread().median > best->spread().median);
    if (better) best = &cell;
  }
  return best == nullptr ? "" : best->row;
}

std::string text_of(const Report& report) {
  std::string text = header(report);
  for (const auto waiting : waitings_of(report)) text += tables(report, waiting);
  return text + footer(report);
}

}  // namespace bench
