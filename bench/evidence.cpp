#include "bench/evidence.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "bench/os/flag.hpp"

namespace bench {
namespace {

constexpr std::size_t enough = 3;
constexpr std::size_t enough_rows = 5;  // whose middle does not depend on one
constexpr double least_scatter = 0.01;  // clocks tick
constexpr double scatter_of_one = 0.1;  // a single repetition tells nothing of it
const double much = std::log(1.25);     // beyond that a floor does not take all of it away
constexpr double of_a_median = 1.2533;  // its standard error, against that of a mean

/// What is to be compared of one report: all repetitions of a cell, with those of what was measured beside it.
struct Whole {
  std::vector<double> figure;
  std::vector<double> ratio;
  std::vector<double> flag;         ///< 0: not known
  std::vector<double> beside_flag;  ///< likewise
};

/// What tells how fast the machine was in each repetition of a cell.
struct Beside {
  std::vector<double> figures;  ///< empty: nothing does
  std::vector<double> flags;
};

bool usable(double value) noexcept {
  return value > 0 && std::isfinite(value);
}

/// The middle of all rows but the cell's own, in each repetition.
Beside middle_of_rows(const SavedReport& report, const SavedCell& cell) {
  std::vector<std::vector<double>> values(cell.repetitions.size());
  for (const SavedCell& other : report.cells) {
    if (other.floor || other.row == cell.row || other.workload != cell.workload || other.size != cell.size ||
        other.waiting != cell.waiting || other.repetitions.size() != values.size())
      continue;
    for (std::size_t index = 0; index < values.size(); ++index) {
      if (usable(other.repetitions[index])) values[index].push_back(other.repetitions[index]);
    }
  }
  Beside beside;
  for (auto& each : values) {
    if (each.size() < enough_rows) return {};
    beside.figures.push_back(spread_of(std::move(each)).median);
    beside.flags.push_back(0);
  }
  return beside;
}

Beside beside(const SavedReport& report, const SavedCell& cell) {
  const auto* const floor = find_cell(report, cell.row, cell.workload, cell.size, cell.waiting, true);
  if (floor == nullptr) return middle_of_rows(report, cell);
  if (floor->repetitions.size() != cell.repetitions.size()) return {};
  return {floor->repetitions, floor->flag_ns};
}

Whole whole_of(const SavedCell& cell, const Beside* with) {
  Whole whole;
  const double better = cell.less_is_better() ? -1 : 1;
  for (std::size_t index = 0; index < cell.repetitions.size(); ++index) {
    const double value = cell.repetitions[index];
    const double bare = with != nullptr ? with->figures[index] : 1;
    if (!usable(value) || !usable(bare)) continue;
    whole.figure.push_back(better * std::log(value));
    if (with != nullptr) whole.ratio.push_back(better * std::log(value / bare));
    whole.flag.push_back(cell.flag_ns[index]);
    whole.beside_flag.push_back(with != nullptr ? with->flags[index] : 0);
  }
  return whole;
}

/// A flag that is not known is like any.
bool at(double distance, double flag) noexcept {
  return distance <= 0 || flag <= 0 || same_distance(distance, flag);
}

Comparable at_distance(const Whole& whole, double distance) {
  Comparable series;
  for (std::size_t index = 0; index < whole.figure.size(); ++index) {
    if (!at(distance, whole.flag[index]) || !at(distance, whole.beside_flag[index])) continue;
    series.figure.push_back(whole.figure[index]);
    if (!whole.ratio.empty()) series.ratio.push_back(whole.ratio[index]);
  }
  return series;
}

/// How far a normal distribution's sorted values reach, in standard deviations, without the one farthest off.
double reach_of(std::size_t count) noexcept {
  static constexpr std::array reach{0.457, 0.993, 1.353, 1.621, 1.835, 2.015, 2.166, 2.284};  // of 3, 4, …
  return reach[std::min(count - enough, reach.size() - 1)];
}

struct Step {
  double move = 0;
  double error = 0;
  double apart = 0;
  double overlap = 0;
  double reach = 0;
};

Step step_of(const std::vector<double>& old, const std::vector<double>& now, double usual) {
  const Spread before = spread_of(old);
  const Spread after = spread_of(now);
  const auto square = [&](const std::vector<double>& values) {
    const double scatter = std::max(scatter_of(values), usual);
    return scatter * scatter / static_cast<double>(values.size());
  };
  Step step;
  step.move = after.median - before.median;
  step.error = of_a_median * std::sqrt(square(old) + square(now));
  step.apart = after.least > before.most   ? after.least - before.most
               : before.least > after.most ? after.most - before.least
                                           : 0;
  step.overlap = std::max(before.most - before.median + after.median - after.least,
                          after.most - after.median + before.median - before.least);
  step.reach = std::max(before.most - before.least, after.most - after.least);
  return step;
}

double nearer_to_zero(double one, double other) noexcept {
  if (one * other <= 0) return 0;
  return std::abs(one) < std::abs(other) ? one : other;
}

}  // namespace

Matched match(const SavedReport& first, const SavedCell& before, const SavedReport& second,
              const SavedCell& after) {
  Matched matched{&before, &after, {}, {}, false, false};
  const Beside there_was = beside(first, before);
  const Beside there_is = beside(second, after);
  matched.floors =
      find_cell(first, before.row, before.workload, before.size, before.waiting, true) != nullptr;
  const bool both_have = !there_was.figures.empty() && !there_is.figures.empty();
  const Whole old = whole_of(before, both_have ? &there_was : nullptr);
  const Whole now = whole_of(after, both_have ? &there_is : nullptr);
  const auto most = std::min(old.figure.size(), now.figure.size());
  std::size_t found = 0;
  std::vector<double> distances = old.flag;
  distances.insert(distances.end(), now.flag.begin(), now.flag.end());
  for (const double distance : distances) {
    auto there = at_distance(old, distance);
    auto here = at_distance(now, distance);
    const auto both = std::min(there.figure.size(), here.figure.size());
    if (both <= found) continue;
    found = both;
    matched.old = std::move(there);
    matched.now = std::move(here);
  }
  matched.unlike = found < std::min(most, enough) || found == 0;
  return matched;
}

double scatter_of(std::vector<double> values) {
  if (values.size() == 1) return scatter_of_one;
  std::ranges::sort(values);
  const std::size_t last = values.size() - 1;
  const double reach =
      last == 1 ? (values[1] - values[0]) / 1.128
                : std::min(values[last - 1] - values[0], values[last] - values[1]) / reach_of(values.size());
  return std::max(reach, least_scatter);
}

std::map<std::string, Scatter> scatter_of_workloads(const std::vector<Matched>& all) {
  std::map<std::string, std::vector<double>> figures;
  std::map<std::string, std::vector<double>> ratios;
  for (const Matched& matched : all) {
    if (matched.unlike) continue;
    for (const Comparable* series : {&matched.old, &matched.now}) {
      figures[matched.after->workload].push_back(scatter_of(series->figure));
      if (!series->ratio.empty()) ratios[matched.after->workload].push_back(scatter_of(series->ratio));
    }
  }
  std::map<std::string, Scatter> usual;
  for (const auto& [workload, values] : figures) usual[workload].figure = spread_of(values).median;
  for (const auto& [workload, values] : ratios) usual[workload].ratio = spread_of(values).median;
  return usual;
}

double moves_of_others(const SavedReport& first, const SavedReport& second, const SavedCell& cell) {
  const std::string& own = cell.workload;
  const std::string floors = own == "batched" || own == "fan-in" ? "one-way"
                             : own == "connect"                  ? "round-trip"
                                                                 : own;
  std::vector<double> moves;
  for (const SavedCell& other : second.cells) {
    const bool floor = other.floor && other.workload == floors;
    const bool library = second.peers.contains(other.row) && other.workload == cell.workload;
    if (!(floor || library) || other.size != cell.size || other.waiting != cell.waiting || !other.figure)
      continue;
    const auto* const old =
        find_cell(first, other.row, other.workload, other.size, other.waiting, other.floor);
    if (old != nullptr && usable(old->figure->median) && usable(other.figure->median))
      moves.push_back(std::abs(std::log(other.figure->median / old->figure->median)));
  }
  if (moves.empty()) return 0;
  std::ranges::sort(moves);
  return moves[moves.size() * 3 / 4];
}

Evidence weigh(const Matched& matched, const Scatter& usual, double others) {
  const Step own = step_of(matched.old.figure, matched.now.figure, usual.figure);
  if (matched.old.ratio.empty())
    return {own.move, own.move / own.error, own.apart, own.error, own.overlap, others, own.reach / 2};
  const Step ratio = step_of(matched.old.ratio, matched.now.ratio, usual.ratio);
  const Step& steadier = ratio.error < own.error ? ratio : own;
  const double effect = nearer_to_zero(own.move, ratio.move);
  return {effect,
          steadier.move / steadier.error,
          steadier.apart,
          steadier.error,
          steadier.overlap,
          matched.floors && others < much ? 0 : others,
          0};
}

}  // namespace bench
