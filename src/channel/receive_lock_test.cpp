#include "channel/receive_lock.hpp"

#include <gtest/gtest.h>
#include <mutex>

namespace tenon {
namespace {

using namespace std::chrono_literals;

TEST(ReceiveLock, one_at_a_time) {
  ReceiveLock lock;
  int counted = 0;  // a lost update, or a report of the thread sanitizer, if two are in at once
  const auto count = [&] {
    for (int round = 0; round < 10'000; ++round) {
      const std::lock_guard guard(lock);
      ++counted;
    }
  };
  std::thread other(count);
  count();
  other.join();
  EXPECT_EQ(counted, 20'000);
}

TEST(ReceiveLock, patience_ends) {
  ReceiveLock lock;
  EXPECT_TRUE(lock.try_lock_for(0ms));
  EXPECT_FALSE(lock.try_lock_for(1ms));
  lock.unlock();
  EXPECT_TRUE(lock.try_lock_for(0ms));
}

}  // namespace
}  // namespace tenon
