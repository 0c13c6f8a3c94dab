// Charts as SVG text for a page: lines over logarithmic axes, and bars. Colours are the page's (class names and
// variables of its style sheet), so that they follow light, dark and print.
#pragma once

#include <string>
#include <vector>

namespace bench {

/// What an axis shows.
enum class Axis { bytes, nanoseconds, per_second, quantile };

/// "10 us", "1 M/s", "64 KiB", "p99".
std::string tick_text(Axis axis, double value);

struct Point {
  double x;
  double y;
  std::string note;  ///< shown when the pointer is on it
};

struct Series {
  std::string name;
  std::string
      style;  ///< a class of the style sheet, for colour and dashes: a row has the same in every chart
  std::vector<Point> points;
};

/// Both axes logarithmic (`quantile`: 1 - x is, so that p50, p90, p99, … are evenly spaced). Names stand at the ends of
/// the lines, to the right of the chart where they reach its end; a line stands out while the pointer is on it or its name. Series without points are left out.
std::string line_chart(const std::string& title, const std::string& id, Axis x, Axis y,
                       const std::vector<Series>& series);

struct Bar {
  std::string name;
  std::string style;
  double value;
  std::string text;  ///< the value with its unit
};

/// Horizontal bars from zero.
std::string bar_chart(const std::string& title, const std::string& id, const std::vector<Bar>& bars);

/// For the text between tags and in attributes.
std::string escaped(const std::string& text);

}  // namespace bench
