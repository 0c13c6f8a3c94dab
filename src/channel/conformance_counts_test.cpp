// Statistics: what went through a channel, and how its calls waited.
#include <ctime>

#include "channel/conformance_test.hpp"

namespace tenon {
namespace {

using namespace test;

CONFORMANCE_SUITE(CountsOf);

TEST_P(CountsOf, messages_and_their_bytes) {
  auto [a, b] = arrange()->both();
  const std::size_t largest = at_most(100'000);
  for (const std::size_t size : {std::size_t{10}, largest, std::size_t{5}}) {
    std::jthread sender([&, &channel = a] { EXPECT_OK(channel.send(pattern(size, 1), soon())); });
    EXPECT_OK(b.borrow(soon()));
  }
  for (const auto& direction : {a.statistics().sent, b.statistics().received}) {
    EXPECT_EQ(direction.messages, 3u);
    EXPECT_EQ(direction.bytes, largest + 15);
    EXPECT_EQ(direction.largest, largest);
    EXPECT_TRUE(direction.system_calls >= 3 || traits_of(GetParam()).has(Trait::zero_copy));
  }
  EXPECT_EQ(a.statistics().received.messages, 0u);
  EXPECT_EQ(b.statistics().sent.messages, 0u);
}

TEST_P(CountsOf, sleeps_and_of_looks_instead_of_them) {
  for (const char* wait : {"wait=block", "wait=spin"}) {
    auto [a, b] = arrange(wait)->both();
    const auto before = b.statistics().received;
    EXPECT_ERRC(Errc::timed_out, b.borrow(Deadline::in(1ms)));
    const auto after = b.statistics().received;
    const bool spins = std::string_view(wait) == "wait=spin";
    EXPECT_EQ(after.sleeps > before.sleeps, !spins) << wait;
    EXPECT_EQ(after.spins > before.spins, spins) << wait;
    EXPECT_EQ(after.full_waits, 0u);
  }
}

/// Processor time of this process. Unlike time on the clock it does not grow while others work.
std::chrono::nanoseconds processor_time() {
  timespec used{};
  EXPECT_EQ(::clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &used), 0);
  return std::chrono::seconds(used.tv_sec) + std::chrono::nanoseconds(used.tv_nsec);
}

TEST_P(CountsOf, nearly_no_work_while_nothing_comes) {
  for (const char* wait : {"wait=block", "wait=hybrid"}) {
    auto [a, b] = arrange(wait)->both();
    EXPECT_OK(a.send("x", soon()));
    EXPECT_OK(b.borrow(soon()));
    const auto before = processor_time();
    const auto sleeps = b.statistics().received.sleeps;
    EXPECT_ERRC(Errc::timed_out, b.borrow(Deadline::in(300ms)));
    EXPECT_LT(processor_time() - before, 60ms) << wait;
    EXPECT_LT(b.statistics().received.sleeps - sleeps, 50u) << wait;
  }
}

TEST_P(CountsOf, sends_that_found_the_channel_full) {
  auto [a, b] = arrange()->both();
  if (!promises(Trait::lossless)) return;
  EXPECT_OK(a.send("first", soon()));
  EXPECT_EQ(a.statistics().sent.full_waits, 0u);
  EXPECT_LT(a.statistics().sent.high_water, 200u);
  fill(a, 900);
  const auto full = a.statistics().sent;
  EXPECT_GE(full.full_waits, 1u);
  EXPECT_GT(full.messages, 1u);
  EXPECT_ERRC(Errc::timed_out, a.send(pattern(900, 1), Deadline::now()));
  EXPECT_EQ(a.statistics().sent.full_waits, full.full_waits + 1);
  EXPECT_EQ(b.statistics().sent.full_waits, 0u);
  while (b.borrow(Deadline::now())) {
  }
  const auto after = a.statistics().sent;
  EXPECT_GE(after.high_water, full.high_water);
  if (!promises(Trait::zero_copy)) return;
  EXPECT_GE(full.high_water, full.bytes);
  EXPECT_LT(full.high_water, full.bytes * 5 / 4);
}

TEST_P(CountsOf, wake_ups_of_a_peer_that_polls) {
  auto [a, b] = arrange()->both();
  if (!promises(Trait::zero_copy)) return;
  const int fd = value_of(b.poll_fd());
  EXPECT_EQ(a.statistics().sent.wakeups, 0u);
  for (int i = 0; i < 3; ++i) EXPECT_OK(a.send("x", soon()));
  EXPECT_EQ(a.statistics().sent.wakeups, 1u);  // once for each time that it says so
  EXPECT_OK(os::wait_for(fd, os::Wait::readable, soon()));
  for (int i = 0; i < 3; ++i) EXPECT_OK(b.borrow(soon()));
  EXPECT_OK(a.send("x", soon()));
  EXPECT_EQ(a.statistics().sent.wakeups, 2u);
  EXPECT_EQ(b.statistics().received.wakeups, 0u);
}

TEST_P(CountsOf, wake_ups_of_a_sender_that_sleeps_for_room) {
  auto [a, b] = arrange("wait=block")->both();
  if (!promises(Trait::zero_copy)) return;
  const Deadline deadline = soon();
  while (b.statistics().received.wakeups == 0 && !deadline.expired()) {
    fill(a, 900);
    std::jthread sender([&, &channel = a] { EXPECT_OK(channel.send(pattern(900, 1), soon())); });
    EXPECT_ERRC(Errc::timed_out, os::wait_for(value_of(Canceller::create()).poll_fd(), os::Wait::readable,
                                              Deadline::in(1ms)));  // often enough for the sender to sleep
    while (b.borrow(Deadline::now())) {
    }
    sender.join();
    while (b.borrow(Deadline::now())) {
    }
  }
  EXPECT_GE(b.statistics().received.wakeups, 1u);
}

}  // namespace
}  // namespace tenon
