#include "bench/advise.hpp"

#include <algorithm>
#include <map>

#include <fmt/format.h>
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
    return fmt::format("carries {} of the {} wanted", rate_text(candidate.per_second), rate_text(*wish.rate));
  return {};
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

}  // namespace

tenon::Result<Advice> advise(const SavedReport& report, const std::vector<tenon::TransportInfo>& transports,
                             const Wish& wish) {
  Advice advice;
  advice.measured_size = standing_for(report, wish);
  if (advice.measured_size == 0) {
    return std::unexpected(Error(Errc::invalid_argument, "advise", "the report",
                                 fmt::format("it has no round trips with waiting {}", wish.waiting)));
  }
  std::vector<Candidate> all;
  for (const SavedCell& cell : report.cells) {
    if (cell.floor || cell.size != advice.measured_size || cell.waiting != wish.waiting) continue;
    auto known = std::ranges::find(all, cell.row, &Candidate::row);
    if (known == all.end()) {
      const auto transport = std::ranges::find(transports, cell.scheme, &tenon::TransportInfo::scheme);
      if (transport == transports.end()) continue;  // another library
      all.push_back({cell.row, cell.scheme, 0, 0, transport->traits, {}});
      known = all.end() - 1;
    }
    if (!cell.figure) continue;
    if (cell.workload == "round-trip") known->round_trip_ns = cell.figure->median;
    if (cell.workload == "one-way" || cell.workload == "batched")
      known->per_second = std::max(known->per_second, cell.figure->median);
  }
  for (auto& candidate : all) {
    candidate.against = why_not(candidate, wish);
    (candidate.against.empty() ? advice.fit : advice.unfit).push_back(candidate);
  }
  std::ranges::sort(advice.fit, {}, &Candidate::round_trip_ns);
  if (advice.fit.empty()) return advice;
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
  } else {
    text = fmt::format("Take {}\n{}", advice.fit.front().row, reasons(advice, wish));
    if (advice.fit.size() > 1) text += "Runners-up:\n";
    for (std::size_t index = 1; index < std::min<std::size_t>(advice.fit.size(), 4); ++index)
      text += fmt::format("  {}\n", line(advice.fit[index]));
  }
  if (!advice.unfit.empty()) text += "Not fit:\n";
  for (const auto& candidate : advice.unfit)
    text += fmt::format("  {:<15} {}\n", candidate.row, candidate.against);
  text += fmt::format("Measured with messages of {}, waiting: {}.\n",
                      tenon::format_size(advice.measured_size), wish.waiting);
  return text;
}

}  // namespace bench
