#include <tenon/units.hpp>

#include "support/expect.hpp"

namespace tenon {
namespace {

using namespace std::chrono_literals;

TEST(Units, sizes_are_powers_of_1024) {
  EXPECT_EQ(parse_size("0").value(), 0u);
  EXPECT_EQ(parse_size("64").value(), 64u);
  EXPECT_EQ(parse_size("64B").value(), 64u);
  EXPECT_EQ(parse_size("64K").value(), 65536u);
  EXPECT_EQ(parse_size("4m").value(), 4194304u);
  EXPECT_EQ(parse_size("1GiB").value(), 1073741824u);
  EXPECT_EQ(parse_size("15T").value(), 15ULL << 40);
}

TEST(Units, a_bad_size_says_what_is_accepted) {
  for (const char* text :
       {"", "K", "-1", "1X", "1 K", "4Mb", "1.5M", "99999999999999999999", "18446744073709551615K", "5BB"}) {
    EXPECT_ERRC(Errc::invalid_argument, parse_size(text)) << text;
  }
  EXPECT_THAT(parse_size("4Q").error().message(), testing::HasSubstr("'4Q'"));
}

TEST(Units, durations_carry_a_unit) {
  EXPECT_EQ(parse_duration("0").value(), 0ns);
  EXPECT_EQ(parse_duration("250ms").value(), 250ms);
  EXPECT_EQ(parse_duration("1.5s").value(), 1500ms);
  EXPECT_EQ(parse_duration("2m").value(), 2min);
  EXPECT_EQ(parse_duration("7us").value(), 7us);
}

TEST(Units, a_bad_duration_is_refused) {
  for (const char* text : {"", "5", "s", "-5s", "5 s", "1e400s", "nans", "infs", "300000000h", "5sec"}) {
    EXPECT_ERRC(Errc::invalid_argument, parse_duration(text)) << text;
  }
}

TEST(Units, sizes_are_printed_with_one_digit) {
  EXPECT_EQ(format_size(64), "64 B");
  EXPECT_EQ(format_size(1536), "1.5 KiB");
  EXPECT_EQ(format_size(1 << 20), "1 MiB");
  EXPECT_EQ(format_size(~0ULL), "15.9 EiB");
}

}  // namespace
}  // namespace tenon
