#include <tenon/error.hpp>

#include <cerrno>

#include "support/expect.hpp"

namespace tenon {
namespace {

TEST(Error, says_operation_subject_cause_and_what_to_do) {
  const Error error(Errc::no_one_there, "connect", "unix:/tmp/t.sock", "start the listener first");
  EXPECT_EQ(error.message(), "connect unix:/tmp/t.sock: no one is listening: start the listener first");
}

TEST(Error, a_subject_that_ends_with_a_colon_gets_no_second_one) {
  EXPECT_EQ(Error(Errc::unsupported, "listen", "pipe:").message(), "listen pipe: not supported");
}

TEST(Error, from_errno_keeps_the_number_and_maps_the_code) {
  const Error error = Error::from_errno("open", "/x", EACCES);
  EXPECT_EQ(error.code(), Errc::permission_denied);
  EXPECT_EQ(error.system_errno(), EACCES);
  EXPECT_THAT(error.message(), testing::HasSubstr("Permission denied"));
  EXPECT_FALSE(error.advice().empty());
}

TEST(Error, with_keeps_code_and_errno) {
  const Error error =
      Error::from_errno("open", "/x", ENOENT).with("connect", "unix:/x", "start the listener");
  EXPECT_EQ(error.code(), Errc::not_found);
  EXPECT_EQ(error.system_errno(), ENOENT);
  EXPECT_EQ(error.subject(), "unix:/x");
  EXPECT_EQ(error.advice(), "start the listener");
}

TEST(Error, every_code_has_a_name) {
  for (int code = 1; code <= static_cast<int>(Errc::system_error); ++code) {
    EXPECT_NE(to_string(static_cast<Errc>(code)), "unknown");
  }
}

}  // namespace
}  // namespace tenon
