#include "bench/samples.hpp"

#include <gtest/gtest.h>

namespace bench {
namespace {

TEST(Samples, quantiles_are_by_nearest_rank) {
  const std::vector<std::uint32_t> values{30, 10, 20, 20, 50};
  const Samples samples(values);
  EXPECT_EQ(samples.size(), 5U);
  EXPECT_EQ(samples.quantile(0), 10);
  EXPECT_EQ(samples.quantile(0.2), 10);
  EXPECT_EQ(samples.quantile(0.5), 20);
  EXPECT_EQ(samples.quantile(0.8), 30);
  EXPECT_EQ(samples.quantile(0.81), 50);
  EXPECT_EQ(samples.quantile(1), 50);
}

TEST(Samples, merging_is_as_if_all_had_been_one) {
  const std::vector<std::uint32_t> first{5, 1, 5};
  const std::vector<std::uint32_t> second{5, 7, 2};
  Samples merged(first);
  merged.merge(Samples(second));
  const std::vector<std::uint32_t> all{5, 1, 5, 5, 7, 2};
  EXPECT_EQ(merged.counts(), Samples(all).counts());
  EXPECT_EQ(merged.size(), 6U);
}

TEST(Samples, none_is_empty) {
  Samples none;
  EXPECT_TRUE(none.empty());
  none.merge(Samples());
  EXPECT_TRUE(none.empty());
}

TEST(Samples, a_spread_is_the_median_and_both_ends) {
  const auto odd = spread_of({3, 1, 2});
  EXPECT_EQ(odd.median, 2);
  EXPECT_EQ(odd.least, 1);
  EXPECT_EQ(odd.most, 3);
  EXPECT_EQ(odd.relative(), 1);
  EXPECT_EQ(spread_of({4, 1, 2, 3}).median, 2.5);
  EXPECT_EQ(spread_of({0, 0}).relative(), 0);
}

}  // namespace
}  // namespace bench
