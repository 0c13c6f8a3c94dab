#include "bench/html/page.hpp"

#include <gtest/gtest.h>

#include "bench/html/chart.hpp"
#include "bench/html/overview.hpp"

namespace bench {
namespace {

std::size_t count(const std::string& text, const std::string& what) {
  std::size_t found = 0;
  for (auto at = text.find(what); at != std::string::npos; at = text.find(what, at + 1)) ++found;
  return found;
}

SavedCell cell(const std::string& row, const std::string& workload, std::size_t size, double value) {
  SavedCell made;
  made.row = made.scheme = row;
  made.workload = workload;
  made.size = size;
  made.waiting = "hybrid";
  made.unit = workload == "round-trip" ? "ns" : "messages/s";
  made.figure = Spread{value, value, value};
  if (workload == "round-trip") made.round_trip_ns = {{"min", value}, {"p50", value}, {"max", 9 * value}};
  return made;
}

TEST(Page, has_a_line_for_each_row_and_nothing_from_elsewhere) {
  SavedReport report;
  for (const std::size_t size : {std::size_t{64}, std::size_t{1024}}) {
    for (const char* workload : {"round-trip", "one-way"}) {
      report.cells.push_back(cell("unix", workload, size, 5000));
      report.cells.push_back(cell("shm", workload, size, 300));
    }
  }
  report.cpu = "<b>&\"CPU\"";
  const auto page = page_of(report, {});
  EXPECT_EQ(count(page, "<svg"), 3U) << "two against size, one of quantiles";
  EXPECT_EQ(count(page, "class=\"line"), 6U);
  EXPECT_EQ(page.find("<b>"), std::string::npos) << "what is in a file is text";
  EXPECT_EQ(count(page, "http"), count(page, "http://www.w3.org/"))
      << "names of formats, which nobody fetches";
  for (const char* loading : {"<script", "<link", "src=", "@import", "url("})
    EXPECT_EQ(page.find(loading), std::string::npos) << loading;
}

TEST(Page, an_empty_report_is_a_page_without_charts) {
  EXPECT_EQ(count(page_of({}, tenon::transports()), "<svg"), 0U);
}

TEST(Overview, has_a_mark_for_each_row_and_its_floor) {
  SavedReport report;
  for (const char* workload : {"round-trip", "one-way"}) {
    for (const char* row : {"unix", "shm", "another <b>"}) {
      report.cells.push_back(cell(row, workload, 64, 5000));
      report.cells.push_back(cell(row, workload, 1024, 700));
    }
    report.cells.push_back(cell("shm", workload, 64, 4000));
    report.cells.back().floor = true;
  }
  report.peers["another <b>"] = "1.0";
  const auto svg = overview_of(report);
  EXPECT_EQ(count(svg, "circle class=\"ours\""), 4U + 1) << "and one in the legend";
  EXPECT_EQ(count(svg, "circle class=\"other\""), 2U + 1);
  EXPECT_EQ(count(svg, "class=\"bare\""), 1U + 1) << "one-way has 1 KiB, and no floor there";
  EXPECT_NE(svg.find("Messages of 1 KiB a second"), std::string::npos);
  EXPECT_EQ(svg.find("<b>"), std::string::npos);
  EXPECT_EQ(count(svg, "http"), 1U) << "the name of the format";
}

TEST(Overview, one_of_the_two_is_enough_and_none_is_nothing) {
  SavedReport report;
  EXPECT_FALSE(has_overview(report));
  EXPECT_EQ(overview_of(report), "");
  report.cells.push_back(cell("unix", "one-way", 64, 5000));
  EXPECT_EQ(count(overview_of(report), "class=\"head\""), 1U);
  EXPECT_EQ(overview_of(report).find("nan"), std::string::npos);
}

TEST(Chart, many_names_and_lines_that_end_early_are_inside) {
  std::vector<Series> all;
  for (int index = 0; index < 40; ++index)
    all.push_back({"row " + std::to_string(index), "c0", {{64, 100, ""}, {1024, 100, ""}}});
  all.push_back({"short", "c1", {{64, 100, ""}}});
  const auto svg = line_chart("t", "i", Axis::bytes, Axis::nanoseconds, all);
  EXPECT_EQ(count(svg, "class=\"name\""), 41U);
  const auto early = svg.rfind("<text", svg.find(">short<"));
  EXPECT_LT(std::stod(svg.substr(svg.find("x=\"", early) + 3)), 200) << "a name stands where its line ends";
  for (auto at = svg.find("class=\"name\""); at != std::string::npos; at = svg.find("class=\"name\"", at + 1))
    EXPECT_GT(std::stod(svg.substr(svg.find("y=\"", at) + 3)), 8) << "not above the chart";
}

TEST(Chart, one_point_and_equal_values_are_drawn_inside) {
  const auto svg = line_chart("t", "i", Axis::bytes, Axis::nanoseconds,
                              {{"a", "c0", {{64, 100, ""}}}, {"b", "c1", {{64, 100, ""}}}});
  EXPECT_EQ(count(svg, "<circle"), 2U);
  EXPECT_EQ(svg.find("nan"), std::string::npos);
  EXPECT_EQ(svg.find("inf"), std::string::npos);
  EXPECT_EQ(line_chart("t", "i", Axis::bytes, Axis::nanoseconds, {{"a", "c0", {}}}), "");
  EXPECT_EQ(bar_chart("t", "i", {{"a", "c0", 0, "0"}}).find("nan"), std::string::npos);
}

}  // namespace
}  // namespace bench
