#include <tenon/os/sysv_key.hpp>

#include <sys/ipc.h>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

TEST(SysvKey, is_the_one_that_every_other_program_computes) {
  const SysvKey key = test::value_of(SysvKey::from_path("/proc/self/exe", 42));
  EXPECT_EQ(key.value(), ::ftok("/proc/self/exe", 42));
  EXPECT_EQ(key.to_string().substr(0, 4), "0x2a");  // the project is the top byte: `ipcs` shows it
  EXPECT_EQ(key, test::value_of(SysvKey::from_path("/proc/self/exe", 42)));
  EXPECT_NE(key, test::value_of(SysvKey::from_path("/proc/self/exe", 43)));
}

TEST(SysvKey, of_a_missing_file_says_to_create_it) {
  const auto key = SysvKey::from_path("/nonexistent/file", 42);
  EXPECT_ERRC(Errc::not_found, key);
  EXPECT_THAT(key.error().message(), testing::HasSubstr("create it first"));
}

TEST(SysvKey, refuses_a_project_that_ftok_would_silently_cut) {
  for (const int project : {0, -1, 256, 298})
    EXPECT_ERRC(Errc::invalid_argument, SysvKey::from_path("/", project));
  EXPECT_OK(SysvKey::from_path("/", 1));
  EXPECT_OK(SysvKey::from_path("/", 255));
}

TEST(SysvKey, private_is_no_number_that_ftok_makes) {
  EXPECT_TRUE(SysvKey::make_private().is_private());
  EXPECT_FALSE(test::value_of(SysvKey::from_path("/", 1)).is_private());
}

}  // namespace
}  // namespace tenon::os
