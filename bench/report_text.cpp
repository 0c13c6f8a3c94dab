#include "bench/report_text.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>

#include <fmt/format.h>
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

/// One table: a workload and a way of waiting.
class Table {
 public:
  Table(const Report& report, Workload workload, Waiting waiting)
      : report_(report), workload_(workload), waiting_(waiting), sizes_(sizes_of(report)) {}

  std::string text() {
    std::string text =
        fmt::format("\n{}; waiting: {}\n{:<{}}", title_of(workload_), to_string(waiting_), "", name_width);
    for (const auto size : sizes_)
      text += fmt::format("{:>9}   {:<{}}", tenon::format_size(size), "x floor", bar_width + 7);
    text += '\n';
    for (const auto& row : rows_of(report_)) text += line(row);
    return text;
  }

 private:
  std::string line(const std::string& row) {
    std::string text = fmt::format("{:<{}}", row, name_width);
    for (const auto size : sizes_) text += entry(row, size);
    text.erase(text.find_last_not_of(' ') + 1);
    return text + '\n';
  }

  std::string entry(const std::string& row, std::size_t size) {
    const Cell* const cell = report_.find(row, false, workload_, size, waiting_);
    if (cell == nullptr || cell->empty())
      return fmt::format("{:>9}{:<{}}", cell != nullptr && cell->failed ? "failed" : "-", "", bar_width + 10);
    const double figure = cell->spread().median;
    const auto ratio = report_.against_floor(*cell);
    const bool best = best_row(report_, workload_, size, waiting_) == row;
    return fmt::format("{:>9}{} {:<6}{} ", figure_text(*cell, figure), best ? " *" : "  ",
                       ratio ? fmt::format("{:.2f}", ratio->median) : "", bar(share(figure, size)));
  }

  /// On a logarithmic scale, from half of the column's least to its most.
  double share(double figure, std::size_t size) {
    double least = figure;
    double most = figure;
    for (const Cell& cell : report_.cells) {
      if (cell.floor || cell.empty() || cell.workload != workload_ || cell.size != size ||
          cell.waiting != waiting_)
        continue;
      const double other = cell.spread().median;
      least = std::min(least, other);
      most = std::max(most, other);
    }
    least /= 2;
    return most > least && least > 0 ? std::log(figure / least) / std::log(most / least) : 1;
  }

  const Report& report_;
  Workload workload_;
  Waiting waiting_;
  std::vector<std::size_t> sizes_;
};

std::string header(const Report& report) {
  const auto& machine = report.machine;
  std::string text =
      fmt::format("{}, {} CPUs, {}, {}\n", machine.cpu, machine.cpus, machine.kernel, machine.system);
  text += fmt::format(
      "Two processes on {}; {} repetitions in turn of {} ms each, median shown; every byte written and "
      "checked\n",
      report.placement, report.repetitions,
      std::chrono::duration_cast<std::chrono::milliseconds>(report.measured).count());
  if (!report.flag_ns.empty()) {
    const auto flag = spread_of(report.flag_ns);
    text += fmt::format("A flag in shared memory, there and back, meanwhile: {} ({} to {})\n",
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
  std::map<std::string, std::string> reasons;
  for (const Cell& cell : report.cells) {
    if (cell.absent.empty()) continue;
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

std::string rate_text(double per_second) {
  if (per_second < 999.5) return fmt::format("{:.0f} /s", per_second);
  return per_second < 999'500 ? scaled(per_second / 1e3, "k/s") : scaled(per_second / 1e6, "M/s");
}

std::string figure_text(const Cell& cell, double figure) {
  return cell.is_time() ? time_text(figure) : rate_text(figure);
}

std::string title_of(Workload workload) {
  switch (workload) {
    case Workload::round_trip:
      return "Round trip, p50 (less is better)";
    case Workload::one_way:
      return "One way, a send for each message (more is better)";
    case Workload::batched:
      break;
  }
  return "One way, send_many (more is better)";
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
    const bool better = best == nullptr || (cell.is_time() ? cell.spread().median < best->spread().median
                                                           : cell.spread().median > best->spread().median);
    if (better) best = &cell;
  }
  return best == nullptr ? "" : best->row;
}

std::string text_of(const Report& report) {
  std::string text = header(report);
  for (const auto waiting : waitings_of(report)) {
    for (const auto workload : workloads_of(report)) text += Table(report, workload, waiting).text();
  }
  return text + footer(report);
}

}  // namespace bench
