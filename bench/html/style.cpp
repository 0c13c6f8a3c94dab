#include "bench/html/style.hpp"

#include <array>

#include <fmt/format.h>

namespace bench {
namespace {

constexpr std::size_t hues = 8;
// Dark enough on white, and light enough on near-black.
constexpr std::array<const char*, hues> on_light{"#1f5fbf", "#b3450a", "#1b7a3d", "#a3195b",
                                                 "#6a3fb5", "#806000", "#00707a", "#5a5a5a"};
constexpr std::array<const char*, hues> on_dark{"#7ab0ff", "#ff9d5c", "#6ed694", "#ff85bb",
                                                "#bb9dff", "#e0c050", "#5cd3dd", "#bdbdbd"};

constexpr const char* base = R"(
:root { color-scheme: light dark; --paper: #ffffff; --ink: #1c1c1c; --faint: #d9d9d9; --soft: #5f5f5f; --warn: #8a3b00; }
body { background: var(--paper); color: var(--ink); font: 16px/1.5 system-ui, sans-serif; margin: 0 auto;
  max-width: 60rem; padding: 1.5rem; }
h1 { margin: 0 0 .5rem; } h2 { border-bottom: 1px solid var(--faint); margin-top: 2.5rem; } h3 { margin: 2rem 0 .25rem; }
header p { color: var(--soft); margin: .25rem 0; } header p.warning { color: var(--warn); font-weight: 600; }
figure { margin: .5rem 0; } figcaption, footer { color: var(--soft); font-size: .875rem; }
svg.chart { width: 100%; height: auto; font-size: 12px; }
header dl { display: grid; grid-template-columns: max-content 1fr; gap: .125rem 1rem; font-size: .875rem; margin: .5rem 0; }
dt { color: var(--soft); } dd { margin: 0; } .wide { overflow-x: auto; } td.best { font-weight: 700; }
.series:hover .line { stroke-width: 3.5; } svg:has(.series:hover) .series:not(:hover) { opacity: .15; }
.grid { stroke: var(--faint); stroke-width: 1; } .lead { stroke: currentColor; stroke-width: 1; opacity: .35; fill: none; }
.line { fill: none; stroke: currentColor; stroke-width: 2; stroke-linejoin: round; } .dot { fill: currentColor; }
.tick { fill: var(--soft); } .value { fill: var(--ink); } .name { fill: currentColor; font-weight: 600; paint-order: stroke; stroke: var(--paper); stroke-width: 3px; }
.bar { fill: currentColor; }
table { border-collapse: collapse; font-size: .8125rem; font-variant-numeric: tabular-nums; }
th, td { border-bottom: 1px solid var(--faint); padding: .25rem .5rem; text-align: right; white-space: nowrap; }
tr > th:first-child { text-align: left; } td small { color: var(--soft); display: block; font-size: .6875rem; }
.traits td { text-align: center; } .traits tr > th + th { font-weight: 400; text-align: left; vertical-align: bottom;
  writing-mode: sideways-lr; } summary { color: var(--soft); cursor: pointer; font-size: .875rem; }
ul { color: var(--soft); font-size: .8125rem; }
)";

constexpr const char* dark =
    "--paper: #16181b; --ink: #ececec; --faint: #3a3d42; --soft: #a9adb3; --warn: #ffb37a;";

std::string colours(const std::array<const char*, hues>& values) {
  std::string css;
  for (std::size_t hue = 0; hue < hues; ++hue)
    css += fmt::format(".c{} {{ color: {}; }}\n", hue, values[hue]);
  return css;
}

}  // namespace

std::string row_style(unsigned number) {
  return fmt::format("c{}{}", number % hues, number >= hues ? " second" : "");
}

std::string peer_style(unsigned number) {
  return fmt::format("c{} other", number % hues);
}

std::string style_sheet() {
  std::string css = base + colours(on_light);
  css +=
      ".second .line { stroke-dasharray: 7 4; } .bar.second { fill-opacity: .7; }\n"
      ".other .line { stroke-dasharray: 2 3; stroke-width: 1.5; } .other .name { font-weight: 400; "
      "font-style: italic; }\n"
      ".other .dot { fill: var(--paper); stroke: currentColor; stroke-width: 1.5; }\n"
      ".bar.other { fill-opacity: .15; stroke: currentColor; }\n";
  css += fmt::format("@media screen and (prefers-color-scheme: dark) {{\n:root {{ {} }}\n{}}}\n", dark,
                     colours(on_dark));
  css +=
      "@media print { body { font-size: 11pt; max-width: none; padding: 0; } figure, table { break-inside: "
      "avoid; } "
      "h2, h3 { break-after: avoid; } summary { display: none; } details::details-content { "
      "content-visibility: "
      "visible; } .wide { overflow: visible; } table { font-size: 8pt; } th, td { padding: .125rem .25rem; } "
      "td small "
      "{ font-size: 6pt; } }\n";
  return css;
}

}  // namespace bench
