#include "bench/advise.hpp"

#include <gtest/gtest.h>

#include "support/expect.hpp"

namespace bench {
namespace {

using tenon::Trait;
using tenon::test::value_of;

SavedCell cell(const std::string& scheme, const std::string& workload, std::size_t size, double value) {
  SavedCell made;
  made.row = made.scheme = scheme;
  made.workload = workload;
  made.size = size;
  made.waiting = "hybrid";
  made.unit = workload == "round-trip" ? "ns" : "messages/s";
  made.figure = Spread{value, value, value};
  return made;
}

SavedReport report() {
  SavedReport made;
  for (const std::size_t size : {std::size_t{64}, std::size_t{4096}}) {
    for (const auto& [scheme, time, rate] :
         {std::tuple{"shm", 300., 9e6}, {"unix", 5000., 1e6}, {"udp", 4000., 9e5}, {"tcp", 9000., 5e5}}) {
      made.cells.push_back(cell(scheme, "round-trip", size, time));
      made.cells.push_back(cell(scheme, "one-way", size, rate / 2));
      made.cells.push_back(cell(scheme, "batched", size, rate));
    }
  }
  return made;
}

std::vector<std::string> names(const std::vector<Candidate>& candidates) {
  std::vector<std::string> rows;
  for (const auto& candidate : candidates) rows.push_back(candidate.row);
  return rows;
}

using Names = std::vector<std::string>;

TEST(Advise, the_shortest_round_trip_of_those_that_fit) {
  const auto advice = value_of(advise(report(), tenon::transports(), {}));
  EXPECT_EQ(names(advice.fit), (Names{"shm", "unix", "tcp"}));
  EXPECT_EQ(names(advice.unfit), Names{"udp"});
  EXPECT_EQ(advice.unfit[0].against, "not lossless");
  EXPECT_NE(text_of(advice, {}).find("Take shm"), std::string::npos);
}

TEST(Advise, needs_and_rates_rule_out) {
  Wish wish;
  wish.needs = {Trait::carries_descriptors};
  EXPECT_EQ(names(value_of(advise(report(), tenon::transports(), wish)).fit), Names{"unix"});
  wish.needs = {};
  wish.rate = 8e5;
  const auto advice = value_of(advise(report(), tenon::transports(), wish));
  EXPECT_EQ(names(advice.fit), (Names{"shm", "udp", "unix"}));
  EXPECT_EQ(advice.unfit[0].against, "carries less than the 800 k/s wanted");
  EXPECT_NE(text_of(advice, wish).find("800 k/s wanted: tcp (500 k/s)"), std::string::npos);
  wish.rate = 1e12;
  EXPECT_NE(text_of(value_of(advise(report(), tenon::transports(), wish)), wish).find("Nothing"),
            std::string::npos);
}

TEST(Advise, when_nothing_fits_it_says_which_need_stands_in_the_way) {
  Wish wish;
  wish.needs = {Trait::carries_descriptors, Trait::crosses_hosts};
  auto text = text_of(value_of(advise(report(), tenon::transports(), wish)), wish);
  EXPECT_NE(text.find("without carries_descriptors: udp, tcp\n"), std::string::npos) << text;
  EXPECT_NE(text.find("without crosses_hosts: unix\n"), std::string::npos) << text;
  wish.needs = {Trait::lossless};
  wish.rate = 1e12;
  text = text_of(value_of(advise(report(), tenon::transports(), wish)), wish);
  EXPECT_NE(text.find("without the rate of 1000000 M/s: shm, unix, tcp\n"), std::string::npos) << text;
  wish.needs = {Trait::zero_copy, Trait::crosses_hosts};
  text = text_of(value_of(advise(report(), tenon::transports(), wish)), wish);
  EXPECT_NE(text.find("not even without one of the needs"), std::string::npos) << text;
}

TEST(Advise, beyond_the_largest_size_figures_are_in_proportion) {
  Wish wish;
  wish.size = 8192;
  const auto advice = value_of(advise(report(), tenon::transports(), wish));
  EXPECT_NEAR(advice.fit.front().per_second, 4.5e6, 1);
  EXPECT_NE(text_of(advice, wish).find("reckoned from the measured 4 KiB"), std::string::npos);
}

TEST(Advise, the_size_measured_is_the_next_one_up) {
  const auto measured = [](std::size_t size) {
    Wish wish;
    wish.size = size;
    return value_of(advise(report(), tenon::transports(), wish)).measured_size;
  };
  EXPECT_EQ(measured(1), 64U);
  EXPECT_EQ(measured(64), 64U);
  EXPECT_EQ(measured(65), 4096U);
  EXPECT_EQ(measured(1 << 20), 4096U);
}

TEST(Advise, between_two_sizes_figures_lie_between) {
  auto two = report();
  for (auto& cell : two.cells) {
    if (cell.row == "shm" && cell.workload == "round-trip" && cell.size == 4096)
      cell.figure = Spread{1200, 1200, 1200};
  }
  Wish wish;
  wish.size = 512;  // half way between 64 and 4096
  const auto advice = value_of(advise(two, tenon::transports(), wish));
  EXPECT_EQ(advice.below, 64U);
  EXPECT_NEAR(advice.fit.front().round_trip_ns, 600, 1e-6);
  EXPECT_NE(text_of(advice, wish).find("between the measured 64 B and 4 KiB"), std::string::npos);
}

TEST(Advise, of_equals_the_one_that_promises_more) {
  auto equal = report();
  for (auto& cell : equal.cells) {
    if (cell.row == "tcp" && cell.workload == "round-trip") cell.figure = Spread{4990, 4990, 4990};
  }
  Wish wish;
  wish.needs = {Trait::raw_bytes, Trait::lossless};
  EXPECT_EQ(value_of(advise(equal, tenon::transports(), wish)).fit.front().row, "unix");
}

TEST(Advise, a_report_without_round_trips_is_an_error) {
  EXPECT_FALSE(advise({}, tenon::transports(), {}));
  Wish wish;
  wish.waiting = "spin";
  EXPECT_FALSE(advise(report(), tenon::transports(), wish));
}

}  // namespace
}  // namespace bench
