#include "bench/advise.hpp"

#include <algorithm>
#include <cmath>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <tenon/units.hpp>

#include "bench/report_text.hpp"

namespace bench {
namespace {

using tenon::Errc;
using tenon::Error;
using tenon::Trait;

constexpr double as_good = 1.1;

std::size_t number_of_traits(const tenon::Traits& traits) {
  return static_cast<std::size_t>(
      std::ranges::count_if(tenon::all_traits(), [&](Trait trait) { return traits.has(trait); }));
}

std::string why_not(const Candidate& candidate, const Wish& wish) {
  std::string missing;
  for (const Trait trait : tenon::all_traits()) {
    if (wish.needs.has(trait) && !candidate.traits.has(trait))
      missing += fmt::format("{}{}", missing.empty() ? "not " : ", ", tenon::to_string(trait));
  }
  if (!missing.empty()) return missing;
  if (wish.size > candidate.traits.max_message_size)
    return fmt::format("a message may have {}", tenon::format_size(candidate.traits.max_message_size));
  if (candidate.round_trip_ns <= 0) return "not measured";
  if (wish.rate && candidate.per_second < *wish.rate)
    return fmt::format("carries less than the {} wanted", rate_text(*wish.rate));
  return {};
}

/// Each of the needs left out in turn.
std::vector<Relaxed> without_one(const std::vector<Candidate>& all, const Wish& wish) {
  std::vector<Relaxed> found;
  const auto look = [&](const std::string& need, const Wish& less) {
    Relaxed relaxed{need, {}};
    for (const Candidate& candidate : all) {
      if (why_not(candidate, less).empty()) relaxed.rows.push_back(candidate.row);
    }
    if (!relaxed.rows.empty()) found.push_back(std::move(relaxed));
  };
  for (const Trait trait : tenon::all_traits()) {
    if (!wish.needs.has(trait)) continue;
    Wish less = wish;
    less.needs.remove(trait);
    look(std::string(tenon::to_string(trait)), less);
  }
  if (wish.rate) {
    Wish less = wish;
    less.rate.reset();
    look("the rate of " + rate_text(*wish.rate), less);
  }
  return found;
}

/// The measured size that stands for `size`; 0 without round trips.
std::size_t standing_for(const SavedReport& report, const Wish& wish) {
  std::size_t above = SIZE_MAX;
  std::size_t largest = 0;
  for (const SavedCell& cell : report.cells) {
    if (cell.workload != "round-trip" || cell.waiting != wish.waiting || !cell.figure) continue;
    if (cell.size >= wish.size) above = std::min(above, cell.size);
    largest = std::max(largest, cell.size);
  }
  return above != SIZE_MAX ? above : largest;
}

/// The largest measured size below `wish.size`, if that was not measured itself; 0 if there is none.
std::size_t below(const SavedReport& report, const Wish& wish, std::size_t above) {
  std::size_t found = 0;
  if (above <= wish.size) return found;
  for (const SavedCell& cell : report.cells) {
    if (cell.workload == "round-trip" && cell.waiting == wish.waiting && cell.figure && cell.size < wish.size)
      found = std::max(found, cell.size);
  }
  return found;
}

/// The row's figure at the wished size: measured, or between two that were. 0 without one.
double figure_of(const SavedReport& report, const Advice& advice, const Wish& wish, const std::string& row,
                 const char* workload) {
  const auto* const high = find_cell(report, row, workload, advice.measured_size, wish.waiting);
  const auto* const low = find_cell(report, row, workload, advice.below, wish.waiting);
  if (high != nullptr && advice.measured_size < wish.size) {
    const double times = static_cast<double>(wish.size) / static_cast<double>(advice.measured_size);
    return high->less_is_better() ? high->figure->median * times : high->figure->median / times;
  }
  if (high == nullptr) return low == nullptr ? 0 : low->figure->median;
  if (low == nullptr || low->figure->median <= 0) return high->figure->median;
  const auto place = [](std::size_t size) { return std::log(static_cast<double>(size)); };
  const double share =
      (place(wish.size) - place(advice.below)) / (place(advice.measured_size) - place(advice.below));
  return low->figure->median * std::pow(high->figure->median / low->figure->median, share);
}

std::string line(const Candidate& candidate) {
  return fmt::format("{:<15} round trip {:>8}, one way {:>9}", candidate.row,
                     time_text(candidate.round_trip_ns), rate_text(candidate.per_second));
}

std::string reasons(const Advice& advice, const Wish& wish) {
  const Candidate& best = advice.fit.front();
  std::string needs;
  for (const Trait trait : tenon::all_traits()) {
    if (wish.needs.has(trait))
      needs += fmt::format("{}{}", needs.empty() ? "" : ", ", tenon::to_string(trait));
  }
  std::string text;
  if (!needs.empty()) text += fmt::format("  - it is what you need: {}\n", needs);
  if (wish.rate) {
    text += fmt::format("  - it carries {} of the {} that you want: {:.1f} times as much\n",
                        rate_text(best.per_second), rate_text(*wish.rate), best.per_second / *wish.rate);
  }
  const bool shortest = std::ranges::all_of(
      advice.fit, [&](const Candidate& other) { return other.round_trip_ns >= best.round_trip_ns; });
  text += fmt::format("  - its round trip of {} is {} of those that fit\n", time_text(best.round_trip_ns),
                      shortest ? "the shortest" : "within a tenth of the shortest, and it promises more,");
  return text;
}

/// A line for each reason, with those that it rules out.
std::vector<std::string> reasons_against(const Advice& advice) {
  std::vector<std::pair<std::string, std::vector<std::string>>> grouped;
  for (const auto& candidate : advice.unfit) {
    auto group = std::ranges::find(grouped, candidate.against, [](const auto& one) { return one.first; });
    if (group == grouped.end()) group = grouped.insert(group, {candidate.against, {}});
    group->second.push_back(candidate.row +
                            (candidate.detail.empty() ? "" : fmt::format(" ({})", candidate.detail)));
  }
  std::vector<std::string> lines;
  for (const auto& [reason, rows] : grouped)
    lines.push_back(fmt::format("  {}: {}\n", reason, fmt::join(rows, ", ")));
  return lines;
}

}  // namespace

tenon::Result<Advice> advise(const SavedReport& report, const std::vector<tenon::TransportInfo>& transports,
                             const Wish& wish) {
  Advice advice;
  advice.measured_size = standing_for(report, wish);
  if (advice.measured_size == 0) {
    return std::unexpected(Error(Errc::invalid_argument, "advise", "the report",
                                 fmt::format("it has no round trips with waiting {}", wish.waiting)));
  }
  advice.below = below(report, wish, advice.measured_size);
  std::vector<Candidate> all;
  for (const SavedCell& cell : report.cells) {
    if (cell.floor || cell.size != advice.measured_size || cell.waiting != wish.waiting) continue;
    if (std::ranges::find(all, cell.row, &Candidate::row) != all.end()) continue;
    const auto transport = std::ranges::find(transports, cell.scheme, &tenon::TransportInfo::scheme);
    if (transport == transports.end()) continue;  // another library
    const auto figure = [&](const char* workload) {
      return figure_of(report, advice, wish, cell.row, workload);
    };
    all.push_back({cell.row,
                   cell.scheme,
                   figure("round-trip"),
                   std::max(figure("one-way"), figure("batched")),
                   transport->traits,
                   {}});
  }
  for (auto& candidate : all) {
    candidate.against = why_not(candidate, wish);
    if (candidate.against.starts_with("carries less")) candidate.detail = rate_text(candidate.per_second);
    (candidate.against.empty() ? advice.fit : advice.unfit).push_back(candidate);
  }
  std::ranges::sort(advice.fit, {}, &Candidate::round_trip_ns);
  if (advice.fit.empty()) {
    advice.without = without_one(all, wish);
    return advice;
  }
  const double close = advice.fit.front().round_trip_ns * as_good;
  const auto first_far =
      std::ranges::find_if(advice.fit, [&](const Candidate& other) { return other.round_trip_ns > close; });
  const auto best =
      std::max_element(advice.fit.begin(), first_far, [](const Candidate& one, const Candidate& other) {
        return number_of_traits(one.traits) < number_of_traits(other.traits);
      });
  std::rotate(advice.fit.begin(), best, best + 1);
  return advice;
}

std::string text_of(const Advice& advice, const Wish& wish) {
  std::string text;
  if (advice.fit.empty()) {
    text = "Nothing that was measured here does all of this.\n";
    for (const auto& [need, rows] : advice.without)
      text += fmt::format("  - without {}: {}\n", need, fmt::join(rows, ", "));
    if (advice.without.empty()) text += "  - not even without one of the needs\n";
  } else {
    text = fmt::format("Take {}\n{}", advice.fit.front().row, reasons(advice, wish));
    if (advice.fit.size() > 1) text += "Runners-up:\n";
    for (std::size_t index = 1; index < std::min<std::size_t>(advice.fit.size(), 4); ++index)
      text += fmt::format("  {}\n", line(advice.fit[index]));
  }
  if (!advice.unfit.empty()) text += "Not fit:\n";
  for (const auto& reason : reasons_against(advice)) text += reason;
  if (advice.below != 0) {
    return text + fmt::format("For {}, between the measured {} and {}; waiting: {}.\n",
                              tenon::format_size(wish.size), tenon::format_size(advice.below),
                              tenon::format_size(advice.measured_size), wish.waiting);
  }
  if (advice.measured_size < wish.size) {
    return text +
           fmt::format("For {}, reckoned from the measured {} in proportion to the size; waiting: {}.\n",
                       tenon::format_size(wish.size), tenon::format_size(advice.measured_size), wish.waiting);
  }
  return text + fmt::format("Measured with messages of {}; waiting: {}.\n",
                            tenon::format_size(advice.measured_size), wish.waiting);
}

}  // namespace bench
