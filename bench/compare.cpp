#include "bench/compare.hpp"

#include <algorithm>
#include <cmath>
#include <functional>
#include <map>

#include <fmt/format.h>
#include <tenon/units.hpp>

#include "bench/evidence.hpp"
#include "bench/report_text.hpp"

namespace bench {
namespace {

constexpr double sure = 3;              // standard errors
constexpr double nearly_always = 1.64;  // of them, beyond what is just seen: 19 times in 20
constexpr std::size_t supporters = 2;
constexpr double alone_times = 2;

struct Judged {
  Matched matched;
  Evidence evidence;
};

/// The room that has to be between all repetitions of the one report and all of the other.
double room(const Evidence& evidence, double threshold) {
  return alone_times * std::log1p(threshold) + evidence.unwatched + evidence.half_reach;
}

bool enough(const Evidence& evidence, double threshold) {
  return std::abs(evidence.effect) > std::log1p(threshold) + evidence.unwatched;
}

bool moved(const Evidence& evidence, double threshold) {
  return enough(evidence, threshold) && std::abs(evidence.errors) >= sure;
}

/// Above 0: better; below: worse; 0: neither.
double direction(const Judged& one, const std::vector<Judged>& all, double threshold) {
  const Evidence& own = one.evidence;
  if (!enough(own, threshold)) return 0;
  if (std::abs(own.apart) > room(own, threshold)) return own.apart;
  if (!moved(own, threshold)) return 0;
  const auto with_it = std::ranges::count_if(all, [&](const Judged& other) {
    return &other != &one && other.matched.after->row == one.matched.after->row &&
           moved(other.evidence, threshold) && other.evidence.effect * own.effect > 0;
  });
  return with_it >= static_cast<std::ptrdiff_t>(supporters) ? own.effect : 0;
}

std::vector<Seen> what_is_seen(const std::vector<Judged>& all, double threshold) {
  std::vector<Seen> seen;
  std::map<std::string, std::pair<std::vector<double>, std::vector<double>>> sizes;
  for (const auto& [matched, evidence] : all) {
    const double margin = nearly_always * evidence.error;
    auto& [together, alone] = sizes[matched.after->workload];
    together.push_back(std::max(std::log1p(threshold) + evidence.unwatched, sure * evidence.error) + margin);
    alone.push_back(evidence.overlap + room(evidence, threshold) + margin);
    if (std::ranges::find(seen, matched.after->workload, &Seen::workload) == seen.end())
      seen.push_back({matched.after->workload, 0, 0});
  }
  for (Seen& one : seen) {
    one.together = std::exp(spread_of(sizes[one.workload].first).median);
    one.alone = std::exp(spread_of(sizes[one.workload].second).median);
  }
  return seen;
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
  std::vector<Matched> matched;
  for (const SavedCell& cell : after.cells) {
    if (cell.floor || !cell.figure || after.peers.contains(cell.row)) continue;
    const auto old =
        std::ranges::find_if(before.cells, [&](const SavedCell& other) { return other.same_case(cell); });
    if (old == before.cells.end() || !old->figure) {
      ++comparison.only_in_one;
      continue;
    }
    matched.push_back(match(before, *old, after, cell));
    if (matched.back().unlike) {
      ++comparison.unlike;
      matched.pop_back();
    }
  }
  auto usual = scatter_of_workloads(matched);
  std::vector<Judged> all;
  for (auto& one : matched) {
    const Evidence evidence =
        weigh(one, usual[one.after->workload], moves_of_others(before, after, *one.after));
    all.push_back({std::move(one), evidence});
  }
  comparison.compared = all.size();
  for (const Judged& one : all) {
    const double way = direction(one, all, threshold);
    if (way != 0)
      (way > 0 ? comparison.better : comparison.worse)
          .push_back({one.matched.before, one.matched.after, std::exp(one.evidence.effect)});
  }
  comparison.seen = what_is_seen(all, threshold);
  std::ranges::sort(comparison.better, std::greater(), &Change::factor);
  std::ranges::sort(comparison.worse, std::less(), &Change::factor);
  return comparison;
}

std::string text_of(const Comparison& comparison, double threshold) {
  std::string text =
      fmt::format("{} figures compared: {} worse, {} better by more than {:.0f}%", comparison.compared,
                  comparison.worse.size(), comparison.better.size(), threshold * 100);
  if (comparison.only_in_one > 0)
    text += fmt::format("; {} are not in the first report", comparison.only_in_one);
  if (comparison.unlike > 0)
    text += fmt::format("; {} not judged, since the CPUs were at other distances", comparison.unlike);
  text += '\n';
  if (!comparison.worse.empty()) text += "Worse:\n";
  for (const auto& change : comparison.worse) text += line(change);
  if (!comparison.better.empty()) text += "Better:\n";
  for (const auto& change : comparison.better) text += line(change);
  if (!comparison.seen.empty())
    text += "What these two reports would have shown: a change of at least (median of the figures)\n";
  for (const auto& seen : comparison.seen) {
    text += fmt::format("  {:<12}{:.2f} times in three figures of a row, {:.2f} times in one alone\n",
                        seen.workload, seen.together, seen.alone);
  }
  for (const auto& note : comparison.notes) text += fmt::format("Note: {}.\n", note);
  return text;
}

}  // namespace bench
