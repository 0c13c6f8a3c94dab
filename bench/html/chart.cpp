#include "bench/html/chart.hpp"

#include <algorithm>
#include <array>
#include <cmath>
#include <map>
#include <ranges>

#include <fmt/format.h>
#include <tenon/units.hpp>

#include "bench/report_text.hpp"

namespace bench {
namespace {

constexpr double width = 720;
constexpr double left = 70;
constexpr double right = 580;  // names stand to the right
constexpr double top = 16;
constexpr double usual_bottom = 350;
constexpr double below = 34;
constexpr double name_height = 14;
constexpr double bar_height = 22;

struct Tick {
  double value;
  std::string text;
};

/// Where a value lies on its axis, before it is scaled.
double position(Axis axis, double value) {
  if (axis == Axis::quantile) return -std::log10(1 - std::min(value, 0.99999));
  return std::log10(std::max(value, 1e-9));
}

}  // namespace

std::string tick_text(Axis axis, double value) {
  switch (axis) {
    case Axis::bytes:
      return tenon::format_size(static_cast<std::uint64_t>(value));
    case Axis::nanoseconds:
      return value >= 1e9   ? fmt::format("{:g} s", value / 1e9)
             : value >= 1e6 ? fmt::format("{:g} ms", value / 1e6)
             : value >= 1e3 ? fmt::format("{:g} us", value / 1e3)
                            : fmt::format("{:g} ns", value);
    case Axis::per_second:
      return value >= 1e6   ? fmt::format("{:g} M/s", value / 1e6)
             : value >= 1e3 ? fmt::format("{:g} k/s", value / 1e3)
                            : fmt::format("{:g} /s", value);
    case Axis::quantile:
      break;
  }
  return value <= 0 ? "min" : value >= 0.99999 ? "max" : fmt::format("p{:g}", value * 100);
}

namespace {

/// One axis: the range of its values, and where they come to lie between two places.
class Scale {
 public:
  Scale(Axis axis, std::vector<double> values, double from, double to) : axis_(axis), from_(from), to_(to) {
    std::ranges::sort(values);
    values.erase(std::ranges::unique(values).begin(), values.end());
    if (axis == Axis::bytes || axis == Axis::quantile) {
      for (const double value : values) ticks_.push_back({value, tick_text(axis, value)});
      low_ = position(axis, values.front());
      high_ = position(axis, values.back());
    } else {
      low_ = std::floor(position(axis, values.front()));
      high_ = std::ceil(position(axis, values.back()));
      for (double power = low_; power <= high_ + 0.5; ++power) {
        const double value = std::pow(10, power);
        ticks_.push_back({value, tick_text(axis, value)});
      }
    }
    if (high_ <= low_) high_ = low_ + 1;
  }

  double operator()(double value) const {
    return from_ + (position(axis_, value) - low_) / (high_ - low_) * (to_ - from_);
  }
  const std::vector<Tick>& ticks() const noexcept { return ticks_; }

 private:
  Axis axis_;
  double from_;
  double to_;
  double low_ = 0;
  double high_ = 1;
  std::vector<Tick> ticks_;
};

std::string open(const std::string& title, const std::string& id, double tall) {
  return fmt::format(
      "<svg class=\"chart\" id=\"{}\" viewBox=\"0 0 {} {}\" role=\"img\" aria-label=\"{}\" "
      "xmlns=\"http://www.w3.org/2000/svg\">\n<title>{}</title>\n",
      escaped(id), width, tall, escaped(title), escaped(title));
}

std::string axes(const Scale& x, const Scale& y, double bottom) {
  std::string svg;
  for (const auto& tick : y.ticks()) {
    svg += fmt::format("<line class=\"grid\" x1=\"{}\" x2=\"{}\" y1=\"{:.1f}\" y2=\"{:.1f}\"/>", left, right,
                       y(tick.value), y(tick.value));
    svg += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>\n", left - 8,
                       y(tick.value) + 4, tick.text);
  }
  for (const auto& tick : x.ticks()) {
    svg += fmt::format("<line class=\"grid\" x1=\"{:.1f}\" x2=\"{:.1f}\" y1=\"{}\" y2=\"{}\"/>",
                       x(tick.value), x(tick.value), top, bottom);
    svg += fmt::format("<text class=\"tick\" x=\"{:.1f}\" y=\"{}\" text-anchor=\"middle\">{}</text>\n",
                       x(tick.value), bottom + 20, tick.text);
  }
  return svg;
}

/// Heights for names that want to stand at `wanted`, ascending, moved apart.
std::vector<double> apart(std::vector<double> wanted, double bottom) {
  for (std::size_t index = 1; index < wanted.size(); ++index)
    wanted[index] = std::max(wanted[index], wanted[index - 1] + name_height);
  const double lowest = bottom + 4;
  for (std::size_t index = wanted.size(); index-- > 0;) {
    const double limit = index + 1 == wanted.size() ? lowest : wanted[index + 1] - name_height;
    wanted[index] = std::min(wanted[index], limit);
  }
  return wanted;
}

std::string line(const Series& series, const Scale& x, const Scale& y) {
  std::string path;
  std::string dots;
  for (const auto& point : series.points) {
    path += fmt::format("{}{:.1f} {:.1f} ", path.empty() ? "M" : "L", x(point.x), y(point.y));
    dots += fmt::format(
        "<circle class=\"dot\" cx=\"{:.1f}\" cy=\"{:.1f}\" r=\"3\"><title>{}: {}</title></circle>",
        x(point.x), y(point.y), escaped(series.name), escaped(point.note));
  }
  return fmt::format("<path class=\"line\" d=\"{}\"/>{}\n", path, dots);
}

}  // namespace

std::string escaped(const std::string& text) {
  std::string safe;
  for (const char character : text) {
    switch (character) {
      case '&':
        safe += "&amp;";
        break;
      case '<':
        safe += "&lt;";
        break;
      case '>':
        safe += "&gt;";
        break;
      case '"':
        safe += "&quot;";
        break;
      default:
        safe.push_back(character);
    }
  }
  return safe;
}

std::string line_chart(const std::string& title, const std::string& id, Axis x, Axis y,
                       const std::vector<Series>& series) {
  std::vector<const Series*> drawn;
  std::vector<double> xs;
  std::vector<double> ys;
  for (const auto& one : series) {
    if (one.points.empty()) continue;
    drawn.push_back(&one);
    for (const auto& point : one.points) {
      xs.push_back(point.x);
      ys.push_back(point.y);
    }
  }
  if (drawn.empty()) return {};
  const double bottom = std::max(usual_bottom, top + name_height * static_cast<double>(drawn.size()));
  const Scale across(x, xs, left, right);
  const Scale up(y, ys, bottom, top);
  const double last = std::ranges::max(xs);
  std::string svg = open(title, id, bottom + below) + axes(across, up, bottom);
  std::ranges::sort(drawn, {}, [&](const Series* one) { return up(one->points.back().y); });
  std::map<double, std::vector<const Series*>> by_end;
  for (const auto* one : drawn) by_end[one->points.back().x].push_back(one);
  for (const auto& [end, those] :
       std::views::reverse(by_end)) {  // names inside the chart stand above the lines
    std::vector<double> wanted;
    for (const auto* one : those) wanted.push_back(up(one->points.back().y) + 4);
    const auto heights = apart(std::move(wanted), bottom);
    const double name_x = end < last ? across(end) + 12 : right + 22;
    for (std::size_t index = 0; index < those.size(); ++index) {
      const Series& one = *those[index];
      svg += fmt::format(
          "<g class=\"series {}\">{}<path class=\"lead\" d=\"M{:.1f} {:.1f} L{:.1f} {:.1f}\"/>", one.style,
          line(one, across, up), across(end) + 4, up(one.points.back().y), name_x - 4, heights[index] - 4);
      svg += fmt::format("<text class=\"name\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text></g>\n", name_x,
                         heights[index], escaped(one.name));
    }
  }
  return svg + "</svg>\n";
}

std::string bar_chart(const std::string& title, const std::string& id, const std::vector<Bar>& bars) {
  if (bars.empty()) return {};
  constexpr double names = 120;
  constexpr double longest = 480;
  double most = 0;
  for (const auto& bar : bars) most = std::max(most, bar.value);
  std::string svg = open(title, id, bar_height * static_cast<double>(bars.size()) + 8);
  double y = 4;
  for (const auto& bar : bars) {
    const double length = most > 0 ? std::max(longest * bar.value / most, 1.0) : 1;
    svg += fmt::format("<text class=\"tick\" x=\"{}\" y=\"{:.1f}\" text-anchor=\"end\">{}</text>", names - 8,
                       y + 15, escaped(bar.name));
    svg +=
        fmt::format("<rect class=\"bar {}\" x=\"{}\" y=\"{:.1f}\" width=\"{:.1f}\" height=\"{}\" rx=\"2\"/>",
                    bar.style, names, y + 3, length, bar_height - 6);
    svg += fmt::format("<text class=\"value\" x=\"{:.1f}\" y=\"{:.1f}\">{}</text>\n", names + length + 8,
                       y + 15, escaped(bar.text));
    y += bar_height;
  }
  return svg + "</svg>\n";
}

}  // namespace bench
