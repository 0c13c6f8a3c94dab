#include <tenon/address.hpp>

#include "support/expect.hpp"

namespace tenon {
namespace {

TEST(Address, has_scheme_place_and_options) {
  const Address address = Address::parse("unix:/tmp/a b.sock?mode=0660&group=traders").value();
  EXPECT_EQ(address.scheme(), "unix");
  EXPECT_EQ(address.place(), "/tmp/a b.sock");
  EXPECT_EQ(address.option("mode"), "0660");
  EXPECT_EQ(address.option("group"), "traders");
  EXPECT_EQ(address.option("capacity"), std::nullopt);
}

TEST(Address, a_place_may_contain_colons_and_equals_signs) {
  EXPECT_EQ(Address::parse("tcp:[::1]:80").value().place(), "[::1]:80");
  EXPECT_EQ(Address::parse("unix:/tmp/a=b").value().place(), "/tmp/a=b");
}

TEST(Address, special_characters_are_percent_encoded) {
  const Address address = Address::parse("unix:/tmp/what%3F%26%25?x-y=a%26b").value();
  EXPECT_EQ(address.place(), "/tmp/what?&%");
  EXPECT_EQ(address.option("x-y"), "a&b");
}

TEST(Address, prints_what_parses_back_to_the_same) {
  for (const char* text :
       {"pipe:", "unix:@name", "unix:/a%3Fb?mode=0600&x=%25", "posix-mq:/q", "unix:/%20"}) {
    const Address address = Address::parse(text).value();
    EXPECT_EQ(address.to_string(), text);
    EXPECT_EQ(Address::parse(address.to_string()).value(), address);
  }
}

TEST(Address, with_and_at_change_a_copy) {
  const Address address = Address::parse("tcp:localhost:0?nodelay=1").value();
  EXPECT_EQ(address.at("localhost:4711").to_string(), "tcp:localhost:4711?nodelay=1");
  EXPECT_EQ(address.with("nodelay", "0").with("mode", "0600").to_string(),
            "tcp:localhost:0?nodelay=0&mode=0600");
}

TEST(Address, bad_syntax_is_refused_with_a_reason) {
  for (const char* text :
       {"", ":", "/tmp/x", "Unix:/x", "1x:/y", "unix:/x?", "unix:/x?a", "unix:/x?a=", "unix:/x?=b",
        "unix:/x?a=1&a=2", "unix:/x?a=1&", "unix:/%", "unix:/%4", "unix:/%zz", "unix:/a%00b"}) {
    EXPECT_ERRC(Errc::invalid_argument, Address::parse(text)) << text;
  }
  EXPECT_THAT(Address::parse("unix:/x?mode").error().message(), testing::HasSubstr("'mode' has no value"));
}

}  // namespace
}  // namespace tenon
