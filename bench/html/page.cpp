#include "bench/html/page.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>
#include <tenon/units.hpp>

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
  unsigned style_of(const std::string& row) const {
    return static_cast<unsigned>(std::ranges::find(rows_, row) - rows_.begin()) % style_count;
  }

  const SavedCell* find(const std::string& row, const std::string& workload, std::size_t size) const {
    for (const SavedCell& cell : report_.cells) {
      if (cell.row == row && !cell.floor && cell.workload == workload && cell.size == size &&
          cell.waiting == waiting_)
        return cell.figure ? &cell : nullptr;
    }
    return nullptr;
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
    return figure_of(bar_chart(title_of(workload), id("bars", workload), bars),
                     fmt::format("Messages of {}.", tenon::format_size(size)));
  }

  static std::string figure_of(const std::string& chart, const std::string& caption) {
    return fmt::format("<figure>\n{}<figcaption>{}</figcaption>\n</figure>\n", chart, escaped(caption));
  }

  std::string table(const std::string& workload, const std::vector<std::size_t>& sizes) const {
    std::string html = "<details><summary>The figures</summary>\n<table>\n<tr><th></th>";
    for (const auto size : sizes)
      html += fmt::format("<th>{}</th><th>× floor</th>", tenon::format_size(size));
    html += "</tr>\n";
    for (const auto& row : rows_) {
      html += fmt::format("<tr><th>{}</th>", escaped(row));
      for (const auto size : sizes) html += entry(find(row, workload, size));
      html += "</tr>\n";
    }
    return html + "</table></details>\n";
  }

  static std::string entry(const SavedCell* cell) {
    if (cell == nullptr) return "<td>–</td><td></td>";
    const auto& spread = *cell->figure;
    const auto floor = cell->times_floor ? ratio_text(cell->times_floor->median) : std::string();
    return fmt::format("<td>{}<small>{} to {}</small></td><td>{}</td>", figure(cell->unit, spread.median),
                       figure(cell->unit, spread.least), figure(cell->unit, spread.most), floor);
  }

  const SavedReport& report_;
  std::string waiting_;
  std::vector<std::string> rows_;
};

std::string traits_table(const std::vector<tenon::TransportInfo>& transports) {
  std::string html = "<section>\n<h2>What they promise</h2>\n<table class=\"traits\">\n<tr><th></th>";
  for (const auto& transport : transports)
    html += fmt::format("<th>{}</th>", escaped(std::string(transport.scheme)));
  html += "</tr>\n";
  for (const auto trait : tenon::all_traits()) {
    html += fmt::format("<tr><th>{}</th>", tenon::to_string(trait));
    for (const auto& transport : transports)
      html += fmt::format("<td>{}</td>", transport.traits.has(trait) ? "✓" : "");
    html += "</tr>\n";
  }
  html += "<tr><th>largest message</th>";
  for (const auto& transport : transports)
    html += fmt::format("<td>{}</td>", tenon::format_size(transport.traits.max_message_size));
  return html + "</tr>\n</table>\n</section>\n";
}

std::string head(const SavedReport& report) {
  std::string html = fmt::format(
      "<header>\n<h1>tenon bench</h1>\n<p>{}, {} CPUs, {}, {}. Two processes on {}. {} repetitions in turn; "
      "every byte "
      "written and checked. {}, tenon {}, {}.</p>\n",
      escaped(report.cpu), report.cpus, escaped(report.kernel), escaped(report.system),
      escaped(report.placement), report.repetitions, escaped(report.started), escaped(report.tenon),
      escaped(report.mode));
  if (report.interrupted) html += "<p class=\"warning\">Interrupted: this is what was finished.</p>\n";
  for (const auto& warning : report.warnings)
    html += fmt::format("<p class=\"warning\">Noisy: {}.</p>\n", escaped(warning));
  return html + "</header>\n";
}

std::string limits(const SavedReport& report) {
  std::string html = "<section>\n<h2>Limits of this machine</h2>\n<ul>\n";
  for (const auto& limit : report.limits) html += fmt::format("<li>{}</li>\n", escaped(limit));
  return html + "</ul>\n</section>\n";
}

}  // namespace

std::string page_of(const SavedReport& report, const std::vector<tenon::TransportInfo>& transports) {
  std::string html = fmt::format(
      "<!DOCTYPE html>\n<html lang=\"en\" xmlns=\"http://www.w3.org/1999/xhtml\">\n<head>\n<meta "
      "charset=\"utf-8\"/>\n"
      "<meta name=\"viewport\" content=\"width=device-width, initial-scale=1\"/>\n<title>tenon bench: "
      "{}</title>\n"
      "<style>\n{}</style>\n</head>\n<body>\n",
      escaped(report.cpu), style_sheet());
  html += head(report);
  for (const auto& waiting : each_once(report, &SavedCell::waiting)) html += Part(report, waiting).html();
  html += traits_table(transports) + limits(report);
  html +=
      "<footer><p>× floor: divided by the bare mechanism, measured in turn with it. What the figures mean, "
      "and what they "
      "do not, is in docs/benchmarking.md.</p></footer>\n</body>\n</html>\n";
  return html;
}

}  // namespace bench
