#include "bench/os/placement.hpp"

#include <gtest/gtest.h>
#include <sched.h>

#include "support/expect.hpp"

namespace bench {
namespace {

using tenon::test::value_of;

int an_allowed_cpu() {
  return ::sched_getcpu();
}

TEST(Placement, the_same_core_is_one_cpu) {
  EXPECT_TRUE(value_of(Placement::parse("same-core")).one_cpu());
}

TEST(Placement, a_pair_of_cpus_is_taken_as_written) {
  const auto pair = std::to_string(an_allowed_cpu()) + "," + std::to_string(an_allowed_cpu());
  const auto placement = value_of(Placement::parse(pair));
  EXPECT_EQ(placement.name(), pair);
  EXPECT_TRUE(placement.one_cpu());
}

TEST(Placement, what_makes_no_sense_is_refused_with_what_there_is) {
  for (const char* text : {"here", "0,", "0,x", "0,99999", "1,2,3", ","}) {
    const auto placement = Placement::parse(text);
    ASSERT_FALSE(placement) << text;
    EXPECT_EQ(placement.error().code(), tenon::Errc::invalid_argument);
    EXPECT_NE(placement.error().message().find("this process may use CPU"), std::string::npos);
  }
}

TEST(Placement, none_leaves_the_process_where_it_is) {
  EXPECT_TRUE(value_of(Placement::parse("none")).apply(0));
}

}  // namespace
}  // namespace bench
