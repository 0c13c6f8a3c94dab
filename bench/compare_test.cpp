#include "bench/compare.hpp"

#include <gtest/gtest.h>

#include "bench/report_files.hpp"
#include "support/expect.hpp"

namespace bench {
namespace {

using tenon::test::value_of;

using Times = std::vector<std::uint32_t>;

Cell cell_of(bool is_floor, const Times& times, std::size_t size, const std::vector<double>& flags) {
  Cell made;
  made.row = made.scheme = "unix";
  made.size = size;
  made.floor = is_floor;
  for (std::size_t index = 0; index < times.size(); ++index) {
    Repetition repetition;
    repetition.messages = 1;
    repetition.samples = Samples(std::vector{times[index]});
    if (!flags.empty()) repetition.flag_ns = flags[index];
    made.repetitions.push_back(repetition);
  }
  return made;
}

SavedReport saved(const Report& report) {
  return value_of(read_report(json_of(report), "test"));
}

/// A report with one row, whose round trips took these times (ns), and its floor's.
SavedReport report_of(const Times& times, const Times& floor, const std::vector<double>& flags = {}) {
  Report report;
  report.cells = {cell_of(false, times, 64, flags), cell_of(true, floor, 64, flags)};
  return saved(report);
}

/// The same with `sizes` sizes, each of which took as long, and without floors.
SavedReport row_of(const Times& times, std::size_t sizes) {
  Report report;
  for (std::size_t size = 64; sizes > 0; --sizes, size *= 2)
    report.cells.push_back(cell_of(false, times, size, {}));
  return saved(report);
}

const Times usual{1000, 1100, 900};

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
  const Times wide{2000, 3000, 2500, 2400};
  EXPECT_TRUE(compare(report_of(wide, {}), report_of({3400, 3500, 3450, 3480}, {}), 0.1).worse.empty());
  EXPECT_EQ(compare(report_of({2000, 2050, 2020}, {}), report_of({2600, 2650, 2620}, {}), 0.1).worse.size(),
            1U);
  EXPECT_EQ(compare(report_of(wide, {}), report_of({5000, 5100, 5050, 5010}, {}), 0.1).worse.size(), 1U);
}

TEST(Compare, a_quarter_is_seen_when_several_figures_of_a_row_have_it) {
  const Times before{2000, 2100, 1900, 2300, 2050};
  const Times after{2500, 2625, 2375, 2100, 2560};
  const auto found = compare(row_of(before, 3), row_of(after, 3), 0.1);
  ASSERT_EQ(found.worse.size(), 3U);
  EXPECT_NEAR(found.worse[0].factor, 0.82, 0.01);
  EXPECT_EQ(compare(row_of(after, 3), row_of(before, 3), 0.1).better.size(), 3U);
  EXPECT_TRUE(compare(row_of(before, 2), row_of(after, 2), 0.1).worse.empty()) << "two may be chance";
}

TEST(Compare, it_says_which_change_it_would_have_seen) {
  const Times before{2000, 2100, 1900, 2300, 2050};
  const auto steady =
      compare(row_of({2000, 2010, 1990, 2005, 2000}, 1), row_of({2000, 2010, 1990, 2005, 2000}, 1), 0.1);
  const auto noisy = compare(row_of(before, 1), row_of(before, 1), 0.1);
  ASSERT_EQ(noisy.seen.size(), 1U);
  EXPECT_EQ(noisy.seen[0].workload, "round-trip");
  EXPECT_NEAR(steady.seen[0].together, 1.11, 0.02);
  EXPECT_GT(noisy.seen[0].together, 1.2);
  EXPECT_GT(noisy.seen[0].alone, noisy.seen[0].together);
  EXPECT_NE(text_of(noisy, 0.1).find("in three figures of a row"), std::string::npos);
}

TEST(Compare, a_change_as_large_as_it_says_is_seen) {
  const Times before{2000, 2100, 1900, 2300, 2050};
  for (const std::size_t sizes : {1U, 3U}) {
    const auto seen = compare(row_of(before, sizes), row_of(before, sizes), 0.1).seen[0];
    Times after;
    for (const auto time : before)
      after.push_back(static_cast<std::uint32_t>((sizes == 1 ? seen.alone : seen.together) * time));
    EXPECT_EQ(compare(row_of(before, sizes), row_of(after, sizes), 0.1).worse.size(), sizes);
  }
}

TEST(Compare, cpus_at_another_distance_are_not_compared) {
  const std::vector<double> near(4, 120);
  const std::vector<double> far(4, 500);
  const Times times{2000, 2010, 1990, 2005};
  const Times floor(4, 1000);
  const auto before = report_of(times, floor, near);
  const auto other = compare(before, report_of({4000, 4010, 3990, 4005}, floor, far), 0.1);
  EXPECT_EQ(other.unlike, 1U);
  EXPECT_EQ(other.compared, 0U);
  EXPECT_TRUE(other.worse.empty());
  EXPECT_NE(text_of(other, 0.1).find("1 not judged"), std::string::npos);
  // Three of each were near: those count, and the fourth, far, does not hide that they have changed.
  const auto after = report_of({3000, 3010, 2005, 2990}, floor, {120, 130, 500, 110});
  EXPECT_EQ(compare(before, after, 0.1).worse.size(), 1U);
  EXPECT_EQ(compare(before, report_of({2000, 2010, 6000, 1990}, floor, {120, 130, 500, 110}), 0.1).unlike,
            0U);
}

TEST(Compare, a_floor_at_another_distance_is_no_measure) {
  Report report;
  report.cells = {cell_of(false, {2000, 2010, 1990}, 64, {120, 120, 120}),
                  cell_of(true, {1000, 1000, 1000}, 64, {500, 500, 500})};
  EXPECT_EQ(compare(saved(report), saved(report), 0.1).unlike, 1U);
}

TEST(Compare, one_repetition_has_to_differ_by_a_lot) {
  EXPECT_TRUE(compare(row_of({2000}, 1), row_of({2300}, 1), 0.1).worse.empty());
  EXPECT_EQ(compare(row_of({2000}, 1), row_of({4000}, 1), 0.1).worse.size(), 1U);
}

TEST(Compare, without_floors_what_all_rows_have_in_common_is_the_machine) {
  const auto columns = [](double machine, double own) {
    Report report;
    for (const char* row : {"unix", "a", "b", "c", "d", "e"}) {
      Times times;
      for (const double time : {2000.0, 2010.0, 1990.0, 2005.0})
        times.push_back(static_cast<std::uint32_t>(time * machine * (std::string(row) == "unix" ? own : 1)));
      report.cells.push_back(cell_of(false, times, 64, {}));
      report.cells.back().row = row;
    }
    return saved(report);
  };
  EXPECT_TRUE(compare(columns(1, 1), columns(2, 1), 0.1).worse.empty());
  EXPECT_TRUE(compare(columns(1, 1), columns(2, 0.5), 0.1).better.empty()) << "its own figure is as it was";
  const auto before = columns(1, 1);
  const auto after = columns(1.1, 1.5);
  const auto found = compare(before, after, 0.1);
  ASSERT_EQ(found.worse.size(), 1U);
  EXPECT_EQ(found.worse[0].after->row, "unix");
}

TEST(Compare, what_other_libraries_did_is_what_the_machine_may_have_done) {
  const auto columns = [](std::uint32_t own, std::uint32_t library) {
    Report report;
    for (const char* row : {"unix", "a", "b", "c", "d", "e"}) {
      const std::uint32_t time = row[0] == 'u' ? own : library;
      report.cells.push_back(cell_of(false, {time, time + 2, time - 2, time + 1}, 64, {}));
      report.cells.back().row = row;
      if (row[0] != 'u') report.peers[row] = "1.0";
    }
    return saved(report);
  };
  EXPECT_EQ(compare(columns(2000, 3000), columns(3000, 3000), 0.1).worse.size(), 1U);
  EXPECT_TRUE(compare(columns(2000, 3000), columns(3000, 2200), 0.1).worse.empty())
      << "the libraries moved by as much";
}

TEST(Compare, when_floors_have_moved_by_more_than_a_quarter_their_ratio_is_not_enough) {
  const auto busy = [](double floor, double own) {
    Report report;
    for (const char* row : {"unix", "a", "b", "c"}) {
      for (const bool bare : {false, true}) {
        const double time = 1000 * (bare ? floor : row[0] == 'u' ? own : floor);
        Times times;
        for (const double share : {1.0, 1.01, 0.99, 1.005})
          times.push_back(static_cast<std::uint32_t>(time * share));
        report.cells.push_back(cell_of(bare, times, 64, {}));
        report.cells.back().row = row;
      }
    }
    return saved(report);
  };
  EXPECT_TRUE(compare(busy(1, 2), busy(3, 9), 0.1).worse.empty())
      << "half as much again beside a machine 3 times slower";
  EXPECT_EQ(compare(busy(1, 2), busy(1, 3), 0.1).worse.size(), 1U);
  EXPECT_EQ(compare(busy(1, 2), busy(1.1, 3.3), 0.1).worse.size(), 1U);
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
