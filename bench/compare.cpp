#include "bench/compare.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <tenon/units.hpp>

#include "bench/report_text.hpp"

namespace bench {
namespace {

constexpr double unwatched_share = 0.5;

/// How far apart two ranges are, above 1 when `after` is better; 1 where they overlap.
double gap(const Spread& before, const Spread& after, bool less_is_better) {
  const Spread& low = less_is_better ? after : before;
  const Spread& high = less_is_better ? before : after;
  if (low.most < high.least && low.most > 0) return high.least / low.most;
  if (high.most < low.least && low.least > 0) return high.most / low.least;
  return 1;
}

double medians(const SavedCell& before, const SavedCell& after) {
  const double factor = after.figure->median / before.figure->median;
  return before.less_is_better() ? 1 / factor : factor;
}

/// Above 0: better; below: worse; 0: neither.
int direction(double factor, double threshold) {
  return factor > 1 + threshold ? 1 : factor < 1 / (1 + threshold) ? -1 : 0;
}

int direction_of(const SavedCell& before, const SavedCell& after, double threshold) {
  const bool less = before.less_is_better();
  const double apart = gap(*before.figure, *after.figure, less);
  const int own = direction(apart, threshold);
  if (!before.times_floor || !after.times_floor) {
    // Nothing beside it tells what the machine did: it has to stand out from its own spread too.
    const double spread = std::max(before.figure->relative(), after.figure->relative());
    return direction(apart, threshold + unwatched_share * spread);
  }
  return own == direction(gap(*before.times_floor, *after.times_floor, less), threshold) ? own : 0;
}

void note_differences(const SavedReport& before, const SavedReport& after, Comparison& into) {
  const auto differs = [&](const char* what, const std::string& one, const std::string& other) {
    if (one != other) into.notes.push_back(fmt::format("{}: {} before, {} now", what, one, other));
  };
  differs("another CPU", before.cpu, after.cpu);
  differs("another kernel", before.kernel, after.kernel);
  differs("another placement", before.placement, after.placement);
  for (const auto* report : {&before, &after}) {
    for (const auto& warning : report->warnings)
      into.notes.push_back(fmt::format("noisy {}: {}", report == &before ? "before" : "now", warning));
  }
}

std::string line(const Change& change) {
  const SavedCell& cell = *change.after;
  const auto figure = [&](const Spread& spread) {
    return cell.unit == "ns"      ? time_text(spread.median)
           : cell.unit == "bytes" ? tenon::format_size(static_cast<std::uint64_t>(spread.median))
                                  : rate_text(spread.median);
  };
  return fmt::format(
      "  {:<15}{:<12}{:>9}  {:<7} {:>10} -> {:>10}  {:.2f} times as {}\n", cell.row, cell.workload,
      tenon::format_size(cell.size), cell.waiting, figure(*change.before->figure), figure(*cell.figure),
      change.factor >= 1 ? change.factor : 1 / change.factor, change.factor >= 1 ? "good" : "bad");
}

}  // namespace

Comparison compare(const SavedReport& before, const SavedReport& after, double threshold) {
  Comparison comparison;
  note_differences(before, after, comparison);
  for (const SavedCell& cell : after.cells) {
    if (cell.floor || !cell.figure || after.peers.contains(cell.row)) continue;
    const auto old =
        std::ranges::find_if(before.cells, [&](const SavedCell& other) { return other.same_case(cell); });
    if (old == before.cells.end() || !old->figure) {
      ++comparison.only_in_one;
      continue;
    }
    ++comparison.compared;
    const int way = direction_of(*old, cell, threshold);
    if (way > 0) comparison.better.push_back({&*old, &cell, medians(*old, cell)});
    if (way < 0) comparison.worse.push_back({&*old, &cell, medians(*old, cell)});
  }
  const auto more = [](const Change& one, const Change& other) { return one.factor > other.factor; };
  std::ranges::sort(comparison.better, more);
  std::ranges::sort(comparison.worse,
                    [&](const Change& one, const Change& other) { return more(other, one); });
  return comparison;
}

std::string text_of(const Comparison& comparison, double threshold) {
  std::string text =
      fmt::format("{} figures compared: {} worse, {} better by more than {:.0f}% in every repetition",
                  comparison.compared, comparison.worse.size(), comparison.better.size(), threshold * 100);
  if (comparison.only_in_one > 0)
    text += fmt::format("; {} are not in the first report", comparison.only_in_one);
  text += '\n';
  if (!comparison.worse.empty()) text += "Worse:\n";
  for (const auto& change : comparison.worse) text += line(change);
  if (!comparison.better.empty()) text += "Better:\n";
  for (const auto& change : comparison.better) text += line(change);
  for (const auto& note : comparison.notes) text += fmt::format("Note: {}.\n", note);
  return text;
}

}  // namespace bench
