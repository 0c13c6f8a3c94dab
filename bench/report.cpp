#include "bench/report.hpp"

#include <algorithm>

#include <fmt/format.h>

namespace bench {
namespace {

constexpr double much_steal = 0.02;
constexpr double much_other_work = 0.1;
constexpr double far_apart = 0.5;
constexpr double much_moved = 0.05;

/// The share of flags that are not like most.
double moved(const std::vector<double>& flags) {
  if (flags.empty()) return 0;
  const double usual = spread_of(flags).median;
  const auto others = std::ranges::count_if(flags, [&](double flag) { return !same_distance(flag, usual); });
  return static_cast<double>(others) / static_cast<double>(flags.size());
}

}  // namespace

std::vector<double> Cell::figures() const {
  std::vector<double> figures;
  for (const Repetition& repetition : repetitions) {
    figures.push_back(workload == Workload::memory ? repetition.memory
                      : repetition.samples.empty() ? repetition.per_second
                                                   : static_cast<double>(repetition.samples.quantile(0.5)));
  }
  return figures;
}

const char* Cell::unit() const noexcept {
  if (has_round_trips(workload)) return "ns";
  return workload == Workload::memory    ? "bytes"
         : workload == Workload::connect ? "connections/s"
                                         : "messages/s";
}

const Cell* Report::find(const std::string& row, bool floor, Workload workload, std::size_t size,
                         Waiting waiting) const {
  for (const Cell& cell : cells) {
    if (cell.row == row && cell.floor == floor && cell.workload == workload && cell.size == size &&
        cell.waiting == waiting)
      return &cell;
  }
  return nullptr;
}

std::optional<Spread> Report::against_floor(const Cell& cell) const {
  const auto workload = cell.workload == Workload::batched ? Workload::one_way : cell.workload;
  const Cell* const floor = find(cell.row, true, workload, cell.size, cell.waiting);
  if (cell.floor || floor == nullptr) return std::nullopt;
  const auto ours = cell.figures();
  const auto bare = floor->figures();
  std::vector<double> ratios;
  for (std::size_t index = 0; index < std::min(ours.size(), bare.size()); ++index) {
    if (bare[index] > 0) ratios.push_back(ours[index] / bare[index]);
  }
  if (ratios.empty()) return std::nullopt;
  return spread_of(std::move(ratios));
}

std::vector<std::string> Report::warnings() const {
  std::vector<std::string> warnings;
  if (noise.steal > much_steal)
    warnings.push_back(
        fmt::format("the hypervisor took {:.0f}% of the CPUs' time (steal)", noise.steal * 100));
  if (noise.other_work > much_other_work)
    warnings.push_back(fmt::format("other programs used {:.0f}% of the CPUs' time", noise.other_work * 100));
  if (repetitions < planned && !interrupted)
    warnings.push_back(fmt::format("there was time for {} of {} repetitions", repetitions, planned));
  std::size_t wide = 0;
  std::size_t filled = 0;
  for (const Cell& cell : cells) {
    if (cell.empty()) continue;
    ++filled;
    if (cell.spread().relative() > far_apart) ++wide;
  }
  if (wide * 5 > filled)
    warnings.push_back(
        fmt::format("{} of {} figures differ by more than half from one repetition to another; compare them "
                    "by x floor, or measure "
                    "again with more --repetitions",
                    wide, filled));
  if (const double share = moved(flag_ns); share > much_moved)
    warnings.push_back(
        fmt::format("the CPUs were at another distance than mostly in {:.0f}% of the measurements (the flag)",
                    share * 100));
  return warnings;
}

}  // namespace bench
