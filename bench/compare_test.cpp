#include "bench/compare.hpp"

#include <gtest/gtest.h>

#include "bench/report_files.hpp"
#include "support/expect.hpp"

namespace bench {
namespace {

using tenon::test::value_of;

/// A report with one row, whose round trips took these times (ns), with a floor of 1000.
SavedReport report_of(const std::vector<std::uint32_t>& times, const std::vector<std::uint32_t>& floor) {
  Report report;
  const auto cell = [](bool is_floor, const std::vector<std::uint32_t>& values) {
    Cell made;
    made.row = made.scheme = "unix";
    made.size = 64;
    made.floor = is_floor;
    for (const auto value : values) {
      Repetition repetition;
      repetition.messages = 1;
      repetition.samples = Samples(std::vector{value});
      made.repetitions.push_back(repetition);
    }
    return made;
  };
  report.cells = {cell(false, times), cell(true, floor)};
  return value_of(read_report(json_of(report), "test"));
}

const std::vector<std::uint32_t> usual{1000, 1100, 900};

TEST(Compare, the_same_is_no_change) {
  const auto report = report_of({2000, 2100, 1900}, usual);
  const auto found = compare(report, report, 0.1);
  EXPECT_EQ(found.compared, 1U);
  EXPECT_TRUE(found.worse.empty() && found.better.empty());
}

TEST(Compare, ranges_that_overlap_are_noise) {
  const auto found = compare(report_of({2000, 2100, 1900}, usual), report_of({3000, 3100, 2050}, usual), 0.1);
  EXPECT_TRUE(found.worse.empty());
}

TEST(Compare, what_is_apart_is_worse_or_better) {
  const auto before = report_of({2000, 2100, 1900}, usual);
  const auto after = report_of({4000, 4100, 3900}, usual);
  const auto worse = compare(before, after, 0.1);
  ASSERT_EQ(worse.worse.size(), 1U);
  EXPECT_DOUBLE_EQ(worse.worse[0].factor, 0.5);
  EXPECT_NE(text_of(worse, 0.1).find("2.00 times as bad"), std::string::npos);
  EXPECT_EQ(compare(after, before, 0.1).better.size(), 1U);
  EXPECT_TRUE(compare(before, after, 2).worse.empty()) << "below the threshold";
}

TEST(Compare, a_machine_that_is_slower_for_all_is_no_change) {
  const auto found =
      compare(report_of({2000, 2100, 1900}, usual), report_of({4000, 4200, 3800}, {2000, 2200, 1800}), 0.1);
  EXPECT_TRUE(found.worse.empty());
}

TEST(Compare, without_a_floor_it_must_stand_out_from_its_spread) {
  const std::vector<std::uint32_t> wide{2000, 3000, 2500};
  EXPECT_TRUE(compare(report_of(wide, {}), report_of({3400, 3500, 3450}, {}), 0.1).worse.empty());
  EXPECT_EQ(compare(report_of({2000, 2050, 2020}, {}), report_of({2600, 2650, 2620}, {}), 0.1).worse.size(),
            1U);
  EXPECT_EQ(compare(report_of(wide, {}), report_of({4400, 4500, 4450}, {}), 0.1).worse.size(), 1U);
}

TEST(Compare, another_library_is_not_ours_to_judge) {
  auto before = report_of({2000, 2100, 1900}, usual);
  auto after = report_of({4000, 4100, 3900}, usual);
  after.peers["unix"] = "not ours";
  EXPECT_EQ(compare(before, after, 0.1).compared, 0U);
}

TEST(Compare, a_report_that_is_read_back_has_what_was_written) {
  const auto report = report_of({2000, 2100, 1900}, usual);
  ASSERT_EQ(report.cells.size(), 2U);
  EXPECT_EQ(report.cells[0].row, "unix");
  EXPECT_EQ(report.cells[0].figure->median, 2000);
  EXPECT_NEAR(report.cells[0].times_floor->median, 2, 0.2);
  EXPECT_EQ(report.cells[0].round_trip_ns.at("max"), 2100);
  EXPECT_TRUE(report.cells[1].floor);
}

TEST(Compare, a_broken_file_says_where_it_breaks) {
  Report report;
  const auto whole = json_of(report);
  for (std::size_t length = 0; length + 1 < whole.size(); ++length) {
    const auto result = read_report(whole.substr(0, length), "a.json");
    ASSERT_FALSE(result) << length;
    EXPECT_NE(result.error().message().find("a.json"), std::string::npos);
    EXPECT_NE(result.error().message().find("no whole JSON"), std::string::npos) << result.error().message();
  }
  for (const char* other : {"{}", "[]", "3", R"({"format": "other"})", R"({"format": 3})"})
    EXPECT_FALSE(read_report(other, "a.json")) << other;
  EXPECT_NE(
      read_report(R"({"format": "tenon bench", "format_version": 99})", "a").error().message().find("99"),
      std::string::npos);
  EXPECT_NE(
      read_report(R"({"format": "tenon bench", "format_version": 1})", "a").error().message().find("missing"),
      std::string::npos);
}

}  // namespace
}  // namespace bench
