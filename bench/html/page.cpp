#include "bench/html/page.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <tenon/units.hpp>

#include "bench/html/about.hpp"
#include "bench/html/chart.hpp"
#include "bench/html/style.hpp"
#include "bench/report_text.hpp"
#include "bench/workload.hpp"

namespace bench {
namespace {

struct Quantile {
  const char* name;
  double value;
};

constexpr std::array curve{Quantile{"min", 0},      Quantile{"p50", 0.5},     Quantile{"p90", 0.9},
                           Quantile{"p99", 0.99},   Quantile{"p99.9", 0.999}, Quantile{"p99.99", 0.9999},
                           Quantile{"max", 0.99999}};

std::string figure(const std::string& unit, double value) {
  if (unit == "ns") return time_text(value);
  return unit == "bytes" ? tenon::format_size(static_cast<std::uint64_t>(value)) : rate_text(value);
}

Axis axis_of(const std::string& unit) {
  return unit == "ns" ? Axis::nanoseconds : Axis::per_second;
}

std::string title_of(const std::string& workload) {
  for (unsigned number = 0; number <= static_cast<unsigned>(Workload::memory); ++number) {
    const auto known = static_cast<Workload>(number);
    if (workload == to_string(known)) return title_of(known);
  }
  return workload;
}

/// The parts of a page about one way of waiting.
class Part {
 public:
  Part(const SavedReport& report, std::string waiting)
      : report_(report), waiting_(std::move(waiting)), rows_(each_once(report, &SavedCell::row)) {}

  std::string html() const {
    std::string html = fmt::format("<section>\n<h2>Waiting: {}</h2>\n", escaped(waiting_));
    for (const auto& workload : each_once(report_, &SavedCell::workload)) {
      const auto sizes = sizes_of(workload);
      if (sizes.empty()) continue;
      html += fmt::format("<h3>{}</h3>\n", escaped(title_of(workload)));
      html += sizes.size() > 1 ? against_size(workload, sizes) : bars(workload, sizes.front());
      html += table(workload, sizes);
      if (workload == to_string(Workload::round_trip)) html += percentiles(workload, sizes.front());
    }
    return html + "</section>\n";
  }

 private:
  std::string style_of(const std::string& row) const {
    const auto place = static_cast<unsigned>(std::ranges::find(rows_, row) - rows_.begin());
    const auto other_libraries = static_cast<unsigned>(
        std::ranges::count_if(rows_.begin(), rows_.begin() + place,
                              [&](const auto& before) { return report_.peers.contains(before); }));
    return report_.peers.contains(row) ? peer_style(other_libraries) : row_style(place - other_libraries);
  }

  const SavedCell* find(const std::string& row, const std::string& workload, std::size_t size) const {
    return find_cell(report_, row, workload, size, waiting_);
  }

  std::vector<std::size_t> sizes_of(const std::string& workload) const {
    std::vector<std::size_t> sizes;
    for (const SavedCell& cell : report_.cells) {
      const bool here = cell.workload == workload && cell.waiting == waiting_ && !cell.floor && cell.figure;
      if (here && std::ranges::find(sizes, cell.size) == sizes.end()) sizes.push_back(cell.size);
    }
    std::ranges::sort(sizes);
    return sizes;
  }

  std::string id(const std::string& kind, const std::string& workload) const {
    return fmt::format("{}-{}-{}", kind, workload, waiting_);
  }

  std::string against_size(const std::string& workload, const std::vector<std::size_t>& sizes) const {
    std::vector<Series> all;
    std::string unit;
    for (const auto& row : rows_) {
      Series series{row, style_of(row), {}};
      for (const auto size : sizes) {
        const auto* const cell = find(row, workload, size);
        if (cell == nullptr) continue;
        unit = cell->unit;
        series.points.push_back(
            {static_cast<double>(size), cell->figure->median,
             fmt::format("{} at {}", figure(unit, cell->figure->median), tenon::format_size(size))});
      }
      all.push_back(std::move(series));
    }
    return figure_of(line_chart(title_of(workload) + " against the size of a message", id("size", workload),
                                Axis::bytes, axis_of(unit), all),
                     "Against the size of a message; both axes logarithmic. Median of the repetitions.");
  }

  std::string percentiles(const std::string& workload, std::size_t size) const {
    std::vector<Series> all;
    for (const auto& row : rows_) {
      const auto* const cell = find(row, workload, size);
      Series series{row, style_of(row), {}};
      for (const auto& [name, value] : curve) {
        if (cell == nullptr || !cell->round_trip_ns.contains(name)) continue;
        const double time = cell->round_trip_ns.at(name);
        series.points.push_back({value, time, fmt::format("{} {}", name, time_text(time))});
      }
      all.push_back(std::move(series));
    }
    const auto text = fmt::format("How round trips of {} are spread: their quantiles, over all repetitions",
                                  tenon::format_size(size));
    return figure_of(line_chart(text, id("quantiles", workload), Axis::quantile, Axis::nanoseconds, all),
                     text + '.');
  }

  std::string bars(const std::string& workload, std::size_t size) const {
    std::vector<Bar> bars;
    for (const auto& row : rows_) {
      const auto* const cell = find(row, workload, size);
      if (cell == nullptr) continue;
      bars.push_back({row, style_of(row), cell->figure->median, figure(cell->unit, cell->figure->median)});
    }
    const bool less = less_is_better(workload, size);
    std::ranges::stable_sort(bars, [&](const Bar& one, const Bar& other) {
      return less ? one.value < other.value : one.value > other.value;
    });
    return figure_of(bar_chart(title_of(workload), id("bars", workload), bars),
                     workload == to_string(Workload::connect)
                         ? std::string("The best first.")
                         : fmt::format("Messages of {}; the best first.", tenon::format_size(size)));
  }

  static std::string figure_of(const std::string& chart, const std::string& caption) {
    return fmt::format("<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n", chart, escaped(caption));
  }

  bool less_is_better(const std::string& workload, std::size_t size) const {
    return std::ranges::any_of(rows_, [&](const auto& row) {
      const auto* const cell = find(row, workload, size);
      return cell != nullptr && cell->less_is_better();
    });
  }

  /// The row with the best figure.
  std::string best_of(const std::string& workload, std::size_t size) const {
    const SavedCell* best = nullptr;
    for (const auto& row : rows_) {
      const auto* const cell = find(row, workload, size);
      if (cell == nullptr) continue;
      if (best == nullptr || (cell->less_is_better() ? cell->figure->median < best->figure->median
                                                     : cell->figure->median > best->figure->median))
        best = cell;
    }
    return best == nullptr ? "" : best->row;
  }

  std::string table(const std::string& workload, const std::vector<std::size_t>& sizes) const {
    std::string html =
        "<details><summary>The figures: median (least to most), and divided by the bare "
        "mechanism</summary>\n<div class=\"wide\"><table>\n<tr><th></th>";
    for (const auto size : sizes)
      html += fmt::format("<th>{}</th><th>× floor</th>", tenon::format_size(size));
    html += "</tr>\n";
    for (const auto& row : rows_) {
      if (std::ranges::none_of(sizes, [&](auto size) { return find(row, workload, size) != nullptr; }))
        continue;
      html += fmt::format("<tr><th>{}</th>", escaped(row));
      for (const auto size : sizes) html += entry(find(row, workload, size), best_of(workload, size) == row);
      html += "</tr>\n";
    }
    return html + "</table></div></details>\n";
  }

  static std::string entry(const SavedCell* cell, bool best) {
    if (cell == nullptr) return "<td>–</td><td></td>";
    const auto& spread = *cell->figure;
    const auto floor = cell->times_floor ? ratio_text(cell->times_floor->median) : std::string();
    return fmt::format("<td{}>{}<small>{} to {}</small></td><td>{}</td>", best ? " class=\"best\"" : "",
                       figure(cell->unit, spread.median), figure(cell->unit, spread.least),
                       figure(cell->unit, spread.most), floor);
  }

  const SavedReport& report_;
  std::string waiting_;
  std::vector<std::string> rows_;
};

}  // namespace

std::string page_of(const SavedReport& report, const std::vector<tenon::TransportInfo>& transports) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta "
      "charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>tenon bench: "
      "{}</title>\n"
      "<style>\n{}</style>\n</head>\n<body>\n",
      escaped(report.cpu), style_sheet());
  html += head_of(report);
  for (const auto& waiting : each_once(report, &SavedCell::waiting)) html += Part(report, waiting).html();
  html += traits_table(transports) + limits_of(report);
  html +=
      "<footer><p>× floor: divided by the bare mechanism, measured in turn with it. What the figures mean, "
      "and what they "
      "do not, is in docs/benchmarking.md.</p></footer>\n</body>\n</html>\n";
  return html;
}

}  // namespace bench
