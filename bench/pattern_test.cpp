#include "bench/pattern.hpp"

#include <gtest/gtest.h>

#include <vector>

namespace bench {
namespace {

TEST(Pattern, what_was_filled_is_recognised_at_any_size) {
  for (std::size_t size = least_size; size < 200; ++size) {
    for (const Head head : {Head{0, false, false}, Head{7, true, false}, Head{1ULL << 60U, true, true}}) {
      std::vector<std::byte> message(size);
      fill(message, head);
      const auto found = check(message);
      ASSERT_TRUE(found) << size;
      EXPECT_EQ(*found, head);
    }
  }
}

TEST(Pattern, every_changed_byte_is_seen) {
  std::vector<std::byte> message(77);
  fill(message, {3, true, false});
  for (std::size_t index = 0; index < message.size(); ++index) {
    message[index] ^= std::byte{0x10};
    EXPECT_FALSE(check(message)) << index;
    message[index] ^= std::byte{0x10};
  }
  EXPECT_TRUE(check(message));
}

TEST(Pattern, half_of_another_message_is_seen) {
  std::vector<std::byte> message(128);
  std::vector<std::byte> next(128);
  fill(message, {3, true, false});
  fill(next, {4, true, false});
  std::copy(next.begin() + 64, next.end(), message.begin() + 64);
  EXPECT_FALSE(check(message));
}

TEST(Pattern, ends_alone_are_recognised_at_any_size) {
  for (std::size_t size = least_size; size < 40; ++size) {
    std::vector<std::byte> message(size);
    const Head head{9, true, size % 2 == 0};
    fill_ends(message, head);
    const auto found = check_ends(message);
    ASSERT_TRUE(found) << size;
    EXPECT_EQ(*found, head);
    message.back() ^= std::byte{1};
    EXPECT_EQ(check_ends(message).has_value(), size < 2 * least_size) << size;
  }
}

TEST(Pattern, what_is_shorter_than_a_head_is_no_message) {
  const std::vector<std::byte> message(least_size - 1);
  EXPECT_FALSE(check(message));
}

}  // namespace
}  // namespace bench
