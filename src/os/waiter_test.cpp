#include "os/waiter.hpp"

#include <sched.h>
#include <unistd.h>

#include <tenon/os/pipe.hpp>

#include "os/poll_set.hpp"
#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;
using test::value_of;

TEST(Waiter, block_sleeps_at_once) {
  const Pipe pipe = value_of(Pipe::create());
  Waiter waiter(WaitMode::block);
  EXPECT_ERRC(Errc::timed_out, waiter.pause(pipe.read_end.get(), Wait::readable, Deadline::in(1ms)));
  EXPECT_EQ(waiter.sleeps(), 1u);
}

TEST(Waiter, spin_never_sleeps_and_keeps_the_deadline) {
  const Pipe pipe = value_of(Pipe::create());
  Waiter waiter(WaitMode::spin);
  const Deadline deadline = Deadline::in(1ms);
  Result<void> result;
  std::uint64_t tries = 0;
  for (; result; ++tries) result = waiter.pause(pipe.read_end.get(), Wait::readable, deadline);
  EXPECT_TRUE(test::is_error(Errc::timed_out, result));
  EXPECT_EQ(waiter.sleeps(), 0u);
  EXPECT_EQ(waiter.turns(), tries - 1);
  EXPECT_EQ(waiter.waits(), 1u);
  EXPECT_ERRC(Errc::timed_out, waiter.pause(pipe.read_end.get(), Wait::readable, Deadline::now()));
  EXPECT_EQ(waiter.waits(), 2u);
}

TEST(Waiter, most_turns_of_a_spin_ask_nobody_and_the_others_see_the_deadline) {
  const Pipe pipe = value_of(Pipe::create());
  Waiter waiter(WaitMode::spin);
  EXPECT_FALSE(waiter.spun(Deadline::never())) << "no wait has begun";
  Canceller canceller = value_of(Canceller::create());
  const Deadline deadline = Deadline::never().unless(canceller);
  EXPECT_OK(waiter.pause(pipe.read_end.get(), Wait::readable, deadline));
  canceller.cancel();
  int unseen = 0;
  while (unseen < 1000 && waiter.spun(deadline)) ++unseen;
  EXPECT_GT(unseen, 0);
  EXPECT_LT(unseen, 10);
  EXPECT_ERRC(Errc::cancelled, waiter.pause(pipe.read_end.get(), Wait::readable, deadline));
  EXPECT_EQ(waiter.turns(), 1u + static_cast<unsigned>(unseen));
  EXPECT_FALSE(waiter.spun(deadline)) << "the wait is over";
}

TEST(Waiter, a_call_that_does_not_wait_makes_no_turns) {
  const Pipe pipe = value_of(Pipe::create());
  Waiter waiter(WaitMode::spin);
  EXPECT_OK(waiter.pause(pipe.read_end.get(), Wait::readable, Deadline::never()));
  EXPECT_FALSE(waiter.spun(Deadline::now()));
  waiter.progressed();
  EXPECT_FALSE(waiter.spun(Deadline::never()));
}

TEST(Waiter, hybrid_ends_up_asleep) {
  const Pipe pipe = value_of(Pipe::create());
  Waiter waiter(WaitMode::hybrid);
  const Deadline deadline = Deadline::in(20ms);
  while (waiter.pause(pipe.read_end.get(), Wait::readable, deadline)) {
  }
  EXPECT_EQ(waiter.sleeps(), 1u);
}

TEST(Waiter, waits_that_always_outlast_the_spinning_stop_it) {
  const Pipe pipe = value_of(Pipe::create());
  Waiter waiter(WaitMode::hybrid);
  const auto one_long_wait = [&] {
    int tries = 0;
    const std::uint64_t sleeps = waiter.sleeps();
    const Deadline deadline = Deadline::in(1ms);
    while (waiter.sleeps() == sleeps) {
      if (!waiter.pause(pipe.read_end.get(), Wait::readable, deadline)) break;
      ++tries;
    }
    waiter.progressed();
    return tries;
  };
  int at_once = 0;
  for (int i = 0; i < 60; ++i) at_once += one_long_wait() == 0 ? 1 : 0;
  EXPECT_GE(at_once, 30);
}

TEST(Waiter, hybrid_of_a_thread_bound_to_one_cpu_begins_with_sleeping_and_finds_out) {
  cpu_set_t before;
  ASSERT_EQ(::sched_getaffinity(0, sizeof before, &before), 0);
  cpu_set_t one;
  CPU_ZERO(&one);
  CPU_SET(static_cast<std::size_t>(::sched_getcpu()), &one);
  ASSERT_EQ(::sched_setaffinity(0, sizeof one, &one), 0);
  Waiter waiter(WaitMode::hybrid);
  ASSERT_EQ(::sched_setaffinity(0, sizeof before, &before), 0);
  const auto sleep = [](Deadline) { return Result<void>(); };
  for (std::uint64_t i = 1; i <= 8; ++i) {
    EXPECT_OK(waiter.pause(sleep, Deadline::never()));
    EXPECT_EQ(waiter.sleeps(), i);
    waiter.progressed();
  }
  // A trial, but where the machine has no other CPU.
  const bool others = ::sysconf(_SC_NPROCESSORS_ONLN) > 1;
  EXPECT_OK(waiter.pause(sleep, Deadline::never()));
  waiter.progressed();
  EXPECT_EQ(waiter.sleeps(), others ? 8u : 9u);
  EXPECT_EQ(waiter.spins(), others);
}

TEST(Waiter, now_asks_nobody) {
  for (const WaitMode mode : {WaitMode::block, WaitMode::spin, WaitMode::hybrid}) {
    Waiter waiter(mode);
    EXPECT_ERRC(Errc::timed_out, waiter.pause(-1, Wait::readable, Deadline::now()));
    EXPECT_EQ(waiter.sleeps(), 0u);
  }
}

TEST(PollSet, is_readable_when_a_watched_descriptor_is) {
  const Pipe pipe = value_of(Pipe::create());
  PollSet set = value_of(PollSet::create());
  EXPECT_OK(set.watch(pipe.read_end.get()));
  EXPECT_ERRC(Errc::timed_out, wait_for(set.fd(), Wait::readable, Deadline::now()));
  EXPECT_OK(write_all(pipe.write_end.get(), bytes_of("x")));
  EXPECT_OK(wait_for(set.fd(), Wait::readable, Deadline::now()));
  set.unwatch(pipe.read_end.get());
  EXPECT_ERRC(Errc::timed_out, wait_for(set.fd(), Wait::readable, Deadline::now()));
}

TEST(PollSet, is_readable_while_something_is_ready_in_memory) {
  PollSet set = value_of(PollSet::create());
  for (const bool ready : {true, true, false, false, true}) {
    set.set_ready(ready);
    EXPECT_EQ(wait_for(set.fd(), Wait::readable, Deadline::now()).has_value(), ready);
  }
}

}  // namespace
}  // namespace tenon::os
