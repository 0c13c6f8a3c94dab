// The poll descriptor of a channel.
#include "channel/conformance_test.hpp"

namespace tenon {
namespace {

using namespace test;

CONFORMANCE_SUITE(Polling);

bool readable(int fd, std::chrono::milliseconds patience = 0ms) {
  return os::wait_for(fd, os::Wait::readable, patience == 0ms ? Deadline::now() : Deadline::in(patience))
      .has_value();
}

TEST_P(Polling, the_descriptor_is_readable_while_receive_would_not_block) {
  auto [a, b] = arrange()->both();
  const int fd = value_of(b.poll_fd());
  EXPECT_FALSE(readable(fd));
  const std::vector<ByteView> three(3, bytes_of("x"));
  EXPECT_EQ(value_of(a.send_many(three)), 3u);  // arrive in one read: two stay in memory
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(readable(fd, 20'000ms)) << i;
    EXPECT_OK(b.borrow(Deadline::now()));
  }
  EXPECT_FALSE(readable(fd));
  EXPECT_EQ(value_of(b.poll_fd()), fd);
}

TEST_P(Polling, the_descriptor_is_readable_at_the_end) {
  auto [a, b] = arrange()->both();
  const int fd = value_of(b.poll_fd());
  EXPECT_OK(a.send("last"));
  EXPECT_OK(a.close());
  EXPECT_TRUE(readable(fd, 20'000ms));
  EXPECT_OK(b.borrow(Deadline::now()));
  for (int i = 0; i < 3; ++i) {
    EXPECT_TRUE(readable(fd, 20'000ms));
    EXPECT_ERRC(Errc::closed, b.borrow(Deadline::now()));
  }
}

}  // namespace
}  // namespace tenon
