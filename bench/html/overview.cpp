#include "bench/html/overview.hpp"

#include <algorithm>
#include <cmath>
#include <vector>

#include <fmt/format.h>
#include <tenon/units.hpp>

#include "bench/html/chart.hpp"
#include "bench/report_text.hpp"
#include "bench/workload.hpp"

namespace bench {
namespace {

constexpr double wide = 860;
constexpr double names_end = 112;
constexpr double top = 62;
constexpr double step = 20;
constexpr double below = 34;
constexpr double room_for_value = 60;
constexpr std::size_t usual_size = 1024;

constexpr const char* style = R"(
.paper{fill:#fff;stroke:#d0d7de}text{fill:#1f2328;font:12px system-ui,-apple-system,"Segoe UI",sans-serif}
.head{font-weight:600;font-size:13px}.tick{fill:#59636e;text-anchor:middle;font-size:11px}.grid{stroke:#d0d7de}
.ours{fill:#1f5fbf}.other{fill:none;stroke:#59636e;stroke-width:1.5}.bare{stroke:#b3450a;stroke-width:2.5}
.name{text-anchor:end}.soft{fill:#59636e}.value{font-size:11px;paint-order:stroke;stroke:#fff;stroke-width:3px}
@media(prefers-color-scheme:dark){.paper{fill:#0d1117;stroke:#3d444d}text{fill:#f0f6fc}.tick,.soft{fill:#9198a1}
.grid{stroke:#3d444d}.ours{fill:#7ab0ff}.other{stroke:#9198a1}.bare{stroke:#ff9d5c}.value{stroke:#0d1117}}
)";

/// What one half of the picture shows.
struct Panel {
  std::string workload;
  std::size_t size;
  std::string title;
  double left;
  double right;
};

std::vector<std::size_t> sizes_of(const SavedReport& report, const std::string& workload) {
  std::vector<std::size_t> sizes;
  for (const auto& cell : report.cells) {
    if (cell.workload == workload && cell.figure) sizes.push_back(cell.size);
  }
  std::ranges::sort(sizes);
  return sizes;
}

std::vector<Panel> panels_of(const SavedReport& report) {
  std::vector<Panel> panels;
  if (const auto sizes = sizes_of(report, to_string(Workload::round_trip)); !sizes.empty()) {
    panels.push_back(
        {to_string(Workload::round_trip), sizes.front(),
         fmt::format("Round trip of {}, median; left is better", tenon::format_size(sizes.front())), 130,
         455});
  }
  if (const auto sizes = sizes_of(report, to_string(Workload::one_way)); !sizes.empty()) {
    const auto size = std::ranges::binary_search(sizes, usual_size) ? usual_size : sizes.front();
    panels.push_back({to_string(Workload::one_way), size,
                      fmt::format("Messages of {} a second; right is better", tenon::format_size(size)), 520,
                      830});
  }
  return panels;
}

class Overview {
 public:
  explicit Overview(const SavedReport& report)
      : report_(report), waiting_(report.cells.front().waiting), panels_(panels_of(report)) {
    const Panel& first = panels_.front();
    std::vector<const SavedCell*> cells;
    for (const auto& row : each_once(report_, &SavedCell::row)) {
      if (const auto* const cell = find(row, first)) cells.push_back(cell);
    }
    std::ranges::stable_sort(cells, [](const SavedCell* one, const SavedCell* other) {
      return one->less_is_better() ? one->figure->median < other->figure->median
                                   : one->figure->median > other->figure->median;
    });
    for (const auto* const cell : cells) rows_.push_back(cell->row);
    bottom_ = top + step * static_cast<double>(rows_.size());
  }

  std::string svg() const {
    std::string svg = fmt::format(
        "<svg xmlns=\"http://www.w3.org/2000/svg\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"Round "
        "trips and "
        "messages a second of every transport of tenon, its bare mechanism and other "
        "libraries\">\n<style>{}</style>\n"
        "<rect class=\"paper\" x=\".5\" y=\".5\" width=\"{}\" height=\"{}\" rx=\"6\"/>\n",
        wide, bottom_ + below, style, wide - 1, bottom_ + below - 1);
    for (std::size_t index = 0; index < rows_.size(); ++index) {
      svg += fmt::format("<text class=\"name{}\" x=\"{}\" y=\"{:.1f}\">{}</text>\n",
                         report_.peers.contains(rows_[index]) ? " soft" : "", names_end, middle(index) + 4,
                         escaped(rows_[index]));
    }
    for (const Panel& panel : panels_) svg += draw(panel);
    return svg + legend() + "</svg>\n";
  }

 private:
  static double middle(std::size_t index) { return top + step * (static_cast<double>(index) + 0.5); }

  const SavedCell* find(const std::string& row, const Panel& panel, bool floor = false) const {
    return find_cell(report_, row, panel.workload, panel.size, waiting_, floor);
  }

  std::string draw(const Panel& panel) const {
    std::vector<double> values;
    for (const auto& row : rows_) {
      for (const bool floor : {false, true}) {
        if (const auto* const cell = find(row, panel, floor)) values.push_back(cell->figure->median);
      }
    }
    if (values.empty()) return {};
    const auto [least, most] = std::ranges::minmax(values);
    const double low = std::floor(std::log10(least));
    const double high = std::max(std::ceil(std::log10(most)), low + 1);
    const auto x = [&](double value) {
      return panel.left + (std::log10(value) - low) / (high - low) * (panel.right - panel.left);
    };
    const Axis axis =
        panel.workload == to_string(Workload::round_trip) ? Axis::nanoseconds : Axis::per_second;
    std::string svg = fmt::format("<text class=\"head\" x=\"{}\" y=\"{}\">{}</text>\n", panel.left, top - 26,
                                  escaped(panel.title));
    for (double power = low; power <= high + 0.5; ++power) {
      const double value = std::pow(10, power);
      svg += fmt::format(
          "<line class=\"grid\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1}\" y2=\"{2}\"/>"
          "<text class=\"tick\" x=\"{0:.1f}\" y=\"{3}\">{4}</text>\n",
          x(value), top - 4, bottom_, top - 9, tick_text(axis, value));
    }
    for (std::size_t index = 0; index < rows_.size(); ++index) svg += mark(panel, index, x);
    return svg;
  }

  template <typename Place>
  std::string mark(const Panel& panel, std::size_t index, const Place& x) const {
    const auto* const cell = find(rows_[index], panel);
    if (cell == nullptr) return {};
    const double y = middle(index);
    const double at = x(cell->figure->median);
    double from = at;
    double to = at;
    std::string svg;
    if (const auto* const bare = find(rows_[index], panel, true)) {
      const double place = x(bare->figure->median);
      from = std::min(at, place);
      to = std::max(at, place);
      svg += fmt::format("<line class=\"bare\" x1=\"{0:.1f}\" x2=\"{0:.1f}\" y1=\"{1:.1f}\" y2=\"{2:.1f}\"/>",
                         place, y - 6, y + 6);
    }
    const bool before = to > panel.right - room_for_value;
    const double median = cell->figure->median;
    return svg + fmt::format(
                     "<circle class=\"{}\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"4.5\"/><text class=\"value\" "
                     "x=\"{:.1f}\" "
                     "y=\"{:.1f}\" text-anchor=\"{}\">{}</text>\n",
                     report_.peers.contains(rows_[index]) ? "other" : "ours", at, y,
                     before ? from - 10 : to + 10, y + 4, before ? "end" : "start",
                     cell->unit == "ns" ? time_text(median) : rate_text(median));
  }

  std::string legend() const {
    const double y = bottom_ + below - 15;
    return fmt::format(
        "<circle class=\"ours\" cx=\"136\" cy=\"{0}\" r=\"4.5\"/><text class=\"value\" x=\"146\" "
        "y=\"{1}\">tenon</text>\n"
        "<line class=\"bare\" x1=\"206\" x2=\"206\" y1=\"{2}\" y2=\"{3}\"/><text class=\"value\" x=\"214\" "
        "y=\"{1}\">the "
        "bare mechanism</text>\n<circle class=\"other\" cx=\"352\" cy=\"{0}\" r=\"4.5\"/><text "
        "class=\"value\" x=\"362\" "
        "y=\"{1}\">another library</text>\n<text class=\"value soft\" x=\"{4}\" y=\"{1}\" "
        "text-anchor=\"end\">{5}, {6} "
        "CPUs, {7}; waiting: {8}; logarithmic</text>\n",
        y, y + 4, y - 6, y + 6, wide - 15, escaped(report_.cpu), report_.cpus,
        escaped(report_.started.substr(0, 10)), escaped(waiting_));
  }

  const SavedReport& report_;
  std::string waiting_;
  std::vector<Panel> panels_;
  std::vector<std::string> rows_;
  double bottom_ = top;
};

}  // namespace

bool has_overview(const SavedReport& report) {
  return !panels_of(report).empty();
}

std::string overview_of(const SavedReport& report) {
  return has_overview(report) ? Overview(report).svg() : std::string();
}

}  // namespace bench
