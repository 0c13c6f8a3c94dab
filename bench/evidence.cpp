#include "bench/evidence.hpp"

#include <algorithm>
#include <array>
#include <cmath>

#include "bench/os/flag.hpp"

namespace bench {
namespace {

constexpr std::size_t enough = 3;
constexpr double least_scatter = 0.01;  // clocks tick
constexpr double scatter_of_one = 0.1;  // a single repetition tells nothing of it
constexpr double of_a_median = 1.2533;  // its standard error, against that of a mean

/// What is to be compared of one report: all repetitions of a cell, with those of its floor.
struct Whole {
  std::vector<double> figure;
  std::vector<double> ratio;
  std::vector<double> flag;        ///< 0: not known
  std::vector<double> floor_flag;  ///< likewise
};

const SavedCell* floor_of(const SavedReport& report, const SavedCell& cell) {
  const std::string workload = cell.workload == "batched" ? "one-way" : cell.workload;
  const auto* const floor = find_cell(report, cell.row, workload, cell.size, cell.waiting, true);
  return floor != nullptr && floor->repetitions.size() == cell.repetitions.size() ? floor : nullptr;
}

bool usable(double value) noexcept {
  return value > 0 && std::isfinite(value);
}

Whole whole_of(const SavedReport& report, const SavedCell& cell, bool with_floor) {
  Whole whole;
  const double better = cell.less_is_better() ? -1 : 1;
  const SavedCell* const floor = with_floor ? floor_of(report, cell) : nullptr;
  for (std::size_t index = 0; index < cell.repetitions.size(); ++index) {
    const double value = cell.repetitions[index];
    const double bare = floor != nullptr ? floor->repetitions[index] : 1;
    if (!usable(value) || !usable(bare)) continue;
    whole.figure.push_back(better * std::log(value));
    if (floor != nullptr) whole.ratio.push_back(better * std::log(value / bare));
    whole.flag.push_back(cell.flag_ns[index]);
    whole.floor_flag.push_back(floor != nullptr ? floor->flag_ns[index] : 0);
  }
  return whole;
}

/// A flag that is not known is like any.
bool at(double distance, double flag) noexcept {
  return distance <= 0 || flag <= 0 || same_distance(distance, flag);
}

Series at_distance(const Whole& whole, double distance) {
  Series series;
  for (std::size_t index = 0; index < whole.figure.size(); ++index) {
    if (!at(distance, whole.flag[index]) || !at(distance, whole.floor_flag[index])) continue;
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
  Matched matched{&before, &after, {}, {}, false};
  const bool floors = floor_of(first, before) != nullptr && floor_of(second, after) != nullptr;
  const Whole old = whole_of(first, before, floors);
  const Whole now = whole_of(second, after, floors);
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
    for (const Series* series : {&matched.old, &matched.now}) {
      figures[matched.after->workload].push_back(scatter_of(series->figure));
      if (!series->ratio.empty()) ratios[matched.after->workload].push_back(scatter_of(series->ratio));
    }
  }
  std::map<std::string, Scatter> usual;
  for (const auto& [workload, values] : figures) usual[workload].figure = spread_of(values).median;
  for (const auto& [workload, values] : ratios) usual[workload].ratio = spread_of(values).median;
  return usual;
}

Evidence weigh(const Matched& matched, const Scatter& usual) {
  const Step own = step_of(matched.old.figure, matched.now.figure, usual.figure);
  if (matched.old.ratio.empty())
    return {own.move, own.move / own.error, own.apart, own.error, own.overlap, own.reach / 2};
  const Step ratio = step_of(matched.old.ratio, matched.now.ratio, usual.ratio);
  const Step& steadier = ratio.error < own.error ? ratio : own;
  const double effect = nearer_to_zero(own.move, ratio.move);
  return {effect, steadier.move / steadier.error, steadier.apart, steadier.error, steadier.overlap, 0};
}

}  // namespace bench
