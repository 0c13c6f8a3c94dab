// Promises 4, 5 and 13: how a conversation ends.
#include <fcntl.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <random>
#include <set>

#include "channel/conformance_test.hpp"

namespace tenon {
namespace {

using namespace test;

CONFORMANCE_SUITE(P04_OrderlyClose);

TEST_P(P04_OrderlyClose, all_that_was_sent_is_received_and_then_closed) {
  if (!promises(Trait::lossless)) return;
  for (const std::size_t size : {std::size_t{0}, std::size_t{100}, std::size_t{70'000}}) {
    auto [a, b] = arrange()->both();
    std::jthread sender([&, &channel = a] {
      for (std::uint64_t i = 0; i < 50; ++i) EXPECT_OK(channel.send(pattern(size, i), soon()));
      EXPECT_OK(channel.close());
    });
    for (std::uint64_t i = 0; i < 50; ++i) ASSERT_TRUE(is_pattern(value_of(b.borrow(soon())).bytes(), i));
    for (int i = 0; i < 3; ++i) EXPECT_ERRC(Errc::closed, b.borrow(soon()));
  }
}

TEST_P(P04_OrderlyClose, destruction_closes_in_order) {
  auto [a, b] = arrange()->both();
  {
    Channel dying = std::move(a);
    EXPECT_OK(dying.send("last words"));
  }
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "last words");
  EXPECT_ERRC(Errc::closed, b.borrow(soon()));
}

TEST_P(P04_OrderlyClose, a_listener_that_speaks_and_leaves_at_once_is_heard) {
  if (!needs_name() || !promises(Trait::lossless)) return;
  for (int i = 0; i < 100; ++i) {
    const TemporaryFolder folder;
    Listener listener = value_of(listen(address_of(GetParam(), folder)));
    const Address address = listener.address();
    std::jthread leaving([own = std::move(listener)] mutable {
      EXPECT_OK(value_of(own.accept(soon())).send("I have to go", soon()));
    });
    Channel channel = value_of(connect(address, {.deadline = soon()}));
    EXPECT_EQ(value_of(channel.borrow(soon())).text(), "I have to go");
    EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
  }
}

TEST_P(P04_OrderlyClose, a_message_was_sent_although_the_receiver_closed_at_once) {
  for (int i = 0; i < 50; ++i) {
    auto [a, b] = arrange()->both();
    std::jthread receiver([&, &channel = b] {
      EXPECT_OK(channel.borrow(soon()));
      EXPECT_OK(channel.close());
    });
    const std::vector<std::byte> message = pattern(at_most(i % 5 == 4 ? 300'000 : 100), 1);
    EXPECT_OK(a.send(message, soon()));
  }
}

TEST_P(P04_OrderlyClose, a_sender_is_told_that_the_peer_closed) {
  auto [a, b] = arrange()->both();
  EXPECT_OK(b.send("unread by a"));
  EXPECT_OK(b.close());
  Result<void> result;
  while (result) result = a.send(pattern(1000, 1), soon());
  EXPECT_TRUE(is_error(Errc::closed, result));
  EXPECT_ERRC(Errc::closed, a.send("again"));
  // What the peer had sent before it closed is not lost by looking how it went.
  EXPECT_EQ(value_of(a.borrow(soon())).text(), "unread by a");
  EXPECT_ERRC(Errc::closed, a.borrow(soon()));
}

TEST_P(P04_OrderlyClose, messages_that_the_closing_side_never_read_cost_none_of_its_own) {
  if (!promises(Trait::lossless)) return;
  auto [a, b] = arrange()->both();
  EXPECT_OK(a.send("never read"));
  for (std::uint64_t i = 0; i < 6; ++i) EXPECT_OK(b.send(pattern(100, i)));
  EXPECT_OK(b.close());
  for (std::uint64_t i = 0; i < 6; ++i) ASSERT_TRUE(is_pattern(value_of(a.borrow(soon())).bytes(), i));
  EXPECT_ERRC(Errc::closed, a.borrow(soon()));
}

TEST_P(P04_OrderlyClose, costs_nothing_of_what_is_still_on_its_way_while_the_peer_sends_too) {
  if (!promises(Trait::lossless)) return;
  auto [a, b] = arrange()->both();
  fill(a, 10'000);  // never read
  std::jthread closing([&, &channel = b] {
    for (std::uint64_t i = 0; i < 400; ++i) EXPECT_OK(channel.send(pattern(10'000, i), soon()));
    EXPECT_OK(channel.close(soon()));
  });
  for (std::uint64_t i = 0; i < 400; ++i) ASSERT_TRUE(is_pattern(value_of(a.borrow(soon())).bytes(), i)) << i;
  EXPECT_ERRC(Errc::closed, a.borrow(soon()));
}

TEST_P(P04_OrderlyClose, finish_ends_one_direction_only) {
  auto [a, b] = arrange()->both();
  EXPECT_OK(a.send("question"));
  EXPECT_OK(a.finish());
  EXPECT_ERRC(Errc::closed, a.send("more"));
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "question");
  EXPECT_ERRC(Errc::closed, b.borrow(soon()));
  EXPECT_OK(b.send("answer", soon()));
  EXPECT_EQ(value_of(a.borrow(soon())).text(), "answer");
  EXPECT_OK(b.close());
  EXPECT_ERRC(Errc::closed, a.borrow(soon()));
}

TEST_P(P04_OrderlyClose, after_close_every_call_says_so) {
  auto [a, b] = arrange()->both();
  EXPECT_OK(a.close());
  EXPECT_OK(a.close());
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::closed, a.send("x"));
  EXPECT_ERRC(Errc::closed, a.loan(8));
  EXPECT_ERRC(Errc::closed, a.receive(buffer));
  EXPECT_ERRC(Errc::closed, a.borrow());
  EXPECT_ERRC(Errc::closed, a.poll_fd());
  EXPECT_OK(a.finish());
}

TEST_P(P04_OrderlyClose, both_sides_may_close_at_once) {
  for (int i = 0; i < 50; ++i) {
    auto [a, b] = arrange()->both();
    const std::jthread other([&, &channel = a] { EXPECT_OK(channel.close()); });
    EXPECT_OK(b.close());
  }
}

TEST_P(P04_OrderlyClose, a_full_channel_is_closed_too_once_it_is_read) {
  if (!promises(Trait::lossless)) return;
  auto [a, b] = arrange()->both();
  std::uint64_t sent = 0;
  while (a.send(pattern(5000, sent), Deadline::now())) ++sent;
  std::jthread closing([&, &channel = a] { EXPECT_OK(channel.close(soon())); });
  for (std::uint64_t i = 0; i < sent; ++i) ASSERT_TRUE(is_pattern(value_of(b.borrow(soon())).bytes(), i));
  EXPECT_ERRC(Errc::closed, b.borrow(soon()));
}

CONFORMANCE_SUITE(P05_DeathOfThePeer);

TEST_P(P05_DeathOfThePeer, what_it_had_sent_is_received_and_then_peer_died) {
  if (!promises(Trait::reports_peer_death)) return;
  const auto meeting = arrange();
  ChildProcess child([&] {
    meeting->keep_second();
    Channel channel = value_of(meeting->second());
    for (std::uint64_t i = 0; i < 20; ++i) value_of(channel.send(pattern(1000, i), soon()));
    ::raise(SIGKILL);
    return 0;
  });
  meeting->keep_first();
  Channel channel = value_of(meeting->first());
  for (std::uint64_t i = 0; i < 20; ++i) ASSERT_TRUE(is_pattern(value_of(channel.borrow(soon())).bytes(), i));
  for (int i = 0; i < 3; ++i) EXPECT_ERRC(Errc::peer_died, channel.borrow(soon()));
  EXPECT_ERRC(Errc::peer_died, channel.send("anyone?"));
  EXPECT_EQ(child.wait(), -SIGKILL);
}

TEST_P(P05_DeathOfThePeer, can_be_played_without_dying) {
  if (!promises(Trait::reports_peer_death)) return;
  auto [a, b] = arrange()->both();
  for (std::uint64_t i = 0; i < 6; ++i) ASSERT_OK(a.send(pattern(100, i), soon()));
  a.abort();
  a.abort();
  EXPECT_ERRC(Errc::closed, a.send("x"));
  EXPECT_ERRC(Errc::closed, a.borrow());
  EXPECT_OK(a.close());
  for (std::uint64_t i = 0; i < 6; ++i) ASSERT_TRUE(is_pattern(value_of(b.borrow(soon())).bytes(), i));
  EXPECT_ERRC(Errc::peer_died, b.borrow(soon()));
  EXPECT_ERRC(Errc::peer_died, b.send("anyone?"));
}

TEST_P(P05_DeathOfThePeer, exit_without_closing_is_a_death_too) {
  if (!promises(Trait::reports_peer_death)) return;
  const auto meeting = arrange();
  ChildProcess child([&] {
    meeting->keep_second();
    auto* abandoned = new Result<Channel>(meeting->second());  // never destroyed
    return abandoned->has_value() ? 0 : 1;
  });
  meeting->keep_first();
  Channel channel = value_of(meeting->first());
  EXPECT_ERRC(Errc::peer_died, channel.borrow(soon()));
  EXPECT_EQ(child.wait(), 0);
}

TEST_P(P05_DeathOfThePeer, ends_the_wait_of_a_receiver) {
  if (!promises(Trait::reports_peer_death)) return;
  const auto meeting = arrange();
  ChildProcess child([&] {
    meeting->keep_second();
    Channel channel = value_of(meeting->second());
    value_of(channel.send("ready", soon()));
    return ::pause();
  });
  meeting->keep_first();
  Channel channel = value_of(meeting->first());
  EXPECT_OK(channel.borrow(soon()));
  std::jthread killer([&] { child.kill(SIGKILL); });
  EXPECT_ERRC(Errc::peer_died, channel.borrow(soon()));
}

TEST_P(P05_DeathOfThePeer, ends_the_wait_of_a_sender) {
  if (!promises(Trait::reports_peer_death)) return;
  const auto meeting = arrange();
  ChildProcess child([&] {
    meeting->keep_second();
    Channel channel = value_of(meeting->second());
    value_of(channel.send("unread", soon()));
    return ::pause();
  });
  meeting->keep_first();
  Channel channel = value_of(meeting->first());
  ASSERT_OK(os::wait_for(value_of(channel.poll_fd()), os::Wait::readable, soon()));  // it has sent
  fill(channel, 50'000);
  std::jthread killer([&] { child.kill(SIGKILL); });
  Result<void> result = channel.send(pattern(50'000, 1), soon());
  if (result) result = channel.send(pattern(50'000, 1), soon());
  EXPECT_TRUE(is_error(Errc::peer_died, result));
  EXPECT_EQ(value_of(channel.borrow(soon())).text(), "unread");
  EXPECT_ERRC(Errc::peer_died, channel.borrow(soon()));
}

TEST_P(P05_DeathOfThePeer, ends_both_directions_while_two_threads_wait) {
  if (!promises(Trait::reports_peer_death)) return;
  const auto meeting = arrange();
  ChildProcess child([&] {
    meeting->keep_second();
    const Channel channel = value_of(meeting->second());
    return ::pause();
  });
  meeting->keep_first();
  Channel channel = value_of(meeting->first());
  fill(channel, 50'000);
  std::jthread receiver([&] { EXPECT_ERRC(Errc::peer_died, channel.borrow(soon())); });
  std::jthread sender([&] { EXPECT_ERRC(Errc::peer_died, channel.send(pattern(50'000, 1), soon())); });
  child.kill(SIGKILL);
}

TEST_P(P05_DeathOfThePeer, at_any_moment_tears_no_message) {
  if (!promises(Trait::reports_peer_death)) return;
  std::mt19937 random(42);
  for (int trial = 0; trial < 60; ++trial) {
    const auto meeting = arrange();
    ChildProcess child([&] {
      meeting->keep_second();
      Channel channel = value_of(meeting->second());
      for (std::uint64_t i = 0; i < UINT64_MAX; ++i)
        value_of(channel.send(pattern(i % 7 == 0 ? 150'000 : i % 3000, i), soon()));
      return 0;
    });
    meeting->keep_first();
    Channel channel = value_of(meeting->first());
    const std::uint64_t before = random() % 60;
    for (std::uint64_t i = 0;; ++i) {
      if (i == before) child.kill(SIGKILL);
      const auto message = channel.borrow(soon());
      if (!message) {
        ASSERT_TRUE(is_error(Errc::peer_died, message));
        ASSERT_GE(i, before);
        break;
      }
      ASSERT_EQ(message->size(), i % 7 == 0 ? 150'000 : i % 3000);
      ASSERT_TRUE(is_pattern(message->bytes(), i));
    }
  }
}

TEST_P(P05_DeathOfThePeer, at_any_moment_while_it_receives_ends_the_sender) {
  if (!promises(Trait::reports_peer_death)) return;
  std::mt19937 random(43);
  for (int trial = 0; trial < 60; ++trial) {
    const auto meeting = arrange();
    ChildProcess child([&] {
      meeting->keep_second();
      Channel channel = value_of(meeting->second());
      while (channel.borrow(soon())) {
      }
      return 0;
    });
    meeting->keep_first();
    Channel channel = value_of(meeting->first());
    const std::uint64_t before = random() % 200;
    Result<void> result;
    for (std::uint64_t i = 0; result; ++i) {
      if (i == before) child.kill(SIGKILL);
      result = channel.send(pattern(i % 7 == 0 ? 150'000 : i % 3000, i), soon());
    }
    ASSERT_TRUE(is_error(Errc::peer_died, result));
  }
}

CONFORMANCE_SUITE(P13_ForkAndExec);

std::set<int> open_descriptors() {
  std::set<int> found;
  for (int fd = 0; fd < 1024; ++fd) {
    if (::fcntl(fd, F_GETFD) != -1) found.insert(fd);
  }
  return found;
}

TEST_P(P13_ForkAndExec, a_program_that_was_not_given_them_has_none_of_our_descriptors) {
  const std::set<int> before = open_descriptors();
  auto [a, b] = arrange()->both();
  EXPECT_OK(b.poll_fd());
  std::size_t ours = 0;
  for (const int fd : open_descriptors()) {
    if (before.contains(fd)) continue;
    ++ours;
    EXPECT_NE(::fcntl(fd, F_GETFD) & FD_CLOEXEC, 0) << fd;
  }
  EXPECT_GE(ours, 3u);
}

}  // namespace
}  // namespace tenon
