#include "bench/run.hpp"

#include <gtest/gtest.h>

#include <fmt/format.h>

#include "bench/floors/floor.hpp"
#include "bench/report_text.hpp"
#include "support/expect.hpp"

namespace bench {
namespace {

using namespace std::chrono_literals;
using tenon::test::value_of;

Plan tiny() {
  Plan plan;
  plan.rows = all_rows();
  plan.sizes = {8, 100'000};
  plan.repetitions = 1;
  plan.warm_up = 10us;
  plan.measured = 100us;
  return plan;
}

Report carry_out(const Plan& plan) {
  const auto stop = value_of(tenon::Canceller::create());
  return value_of(run(plan, value_of(Placement::parse("")), stop, {}));
}

TEST(Run, every_row_and_its_floor_carry_every_workload) {
  const auto report = carry_out(tiny());
  for (const Cell& cell : report.cells) {
    const auto where = fmt::format("{} {} {} {}: {}", cell.row, cell.floor ? "floor" : "",
                                   to_string(cell.workload), cell.size, cell.absent);
    EXPECT_FALSE(cell.failed) << where;
    if (!cell.absent.empty()) continue;
    ASSERT_EQ(cell.repetitions.size(), 1U) << where;
    EXPECT_GE(cell.repetitions[0].messages, 1U) << where;
    EXPECT_GT(cell.spread().median, 0) << where;
  }
}

TEST(Run, every_way_of_waiting_works_over_every_row) {
  for (const auto waiting : {Waiting::spin, Waiting::block}) {
    auto plan = tiny();
    plan.sizes = {64};
    plan.waitings = {waiting};
    plan.workloads = {Workload::round_trip, Workload::one_way};
    for (const Cell& cell : carry_out(plan).cells)
      EXPECT_FALSE(cell.failed) << cell.row << ": " << cell.absent;
  }
}

TEST(Run, every_transport_has_a_row_and_every_row_a_floor) {
  const auto rows = all_rows();
  for (const auto& transport : tenon::transports()) {
    EXPECT_NE(std::ranges::find(rows, std::string(transport.scheme), &Row::scheme), rows.end())
        << transport.scheme;
  }
  for (const Row& row : rows) EXPECT_TRUE(!row.peer.empty() || floor_of(row.name) != nullptr) << row.name;
}

TEST(Run, a_stopped_run_keeps_what_is_finished) {
  auto stop = value_of(tenon::Canceller::create());
  int over = 0;
  const auto report = value_of(run(tiny(), value_of(Placement::parse("none")), stop, [&](auto, auto, auto) {
    if (++over == 3) stop.cancel();
  }));
  EXPECT_TRUE(report.interrupted);
  EXPECT_EQ(std::ranges::count_if(report.cells, [](const Cell& cell) { return !cell.empty(); }), 3);
  EXPECT_NE(text_of(report).find("Interrupted"), std::string::npos);
}

TEST(Run, a_row_without_a_floor_says_so) {
  auto plan = tiny();
  plan.rows = {{"unix no-floor", "unix", "type=stream", plan.rows.front().traits}};
  plan.workloads = {Workload::round_trip};
  const auto report = carry_out(plan);
  EXPECT_NE(text_of(report).find("unix no-floor (floor): no floor is written for this row yet"),
            std::string::npos);
  EXPECT_FALSE(report.find("unix no-floor", false, Workload::round_trip, 8, Waiting::hybrid)->empty());
}

TEST(Run, a_row_that_fails_leaves_the_reason_and_the_others_go_on) {
  auto plan = tiny();
  plan.workloads = {Workload::round_trip};
  plan.sizes = {8};
  plan.rows = {{"broken", "unix", "type=nonsense", plan.rows.front().traits}, plan.rows.front()};
  const auto report = carry_out(plan);
  const auto* const cell = report.find("broken", false, Workload::round_trip, 8, Waiting::hybrid);
  EXPECT_TRUE(cell->failed);
  EXPECT_NE(cell->absent.find("nonsense"), std::string::npos) << cell->absent;
  EXPECT_FALSE(report.cells.back().empty());
}

}  // namespace
}  // namespace bench
