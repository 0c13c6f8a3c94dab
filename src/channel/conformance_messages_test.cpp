// Promises 1 to 3, 10 and 11: messages while both ends live.
#include <array>
#include <random>

#include "channel/conformance_test.hpp"

namespace tenon {
namespace {

using namespace test;

const std::vector<std::size_t> sizes{0,     1,      7,      8,      9,       63,           64,    65,
                                     4095,  4096,   4097,   65527,  65528,   65535,        65536, 65537,
                                     65544, 131071, 131072, 131073, 1 << 20, (1 << 20) + 3};

CONFORMANCE_SUITE(P01_WholeMessages);

TEST_P(P01_WholeMessages, arrive_byte_for_byte_at_every_size) {
  auto [a, b] = arrange()->both();
  pass(
      that_fit(sizes),
      [&, &channel = a](std::size_t size) { EXPECT_OK(channel.send(pattern(size, size), soon())); },
      [&, &channel = b](std::size_t size) {
        const Message message = value_of(channel.borrow(soon()));
        ASSERT_EQ(message.size(), size);
        EXPECT_TRUE(is_pattern(message.bytes(), size));
      });
}

TEST_P(P01_WholeMessages, arrive_in_the_callers_memory_too) {
  auto [a, b] = arrange()->both();
  std::vector<std::byte> buffer(2 << 20);
  pass(
      that_fit(sizes),
      [&, &channel = b](std::size_t size) { EXPECT_OK(channel.send(pattern(size, size), soon())); },
      [&, &channel = a](std::size_t size) {
        ASSERT_EQ(value_of(channel.receive(buffer, soon())), size);
        EXPECT_TRUE(is_pattern(ByteView(buffer).first(size), size));
      });
}

TEST_P(P01_WholeMessages, can_be_written_in_place) {
  auto [a, b] = arrange()->both();
  pass(
      that_fit(sizes, 10),
      [&, &channel = a](std::size_t size) {
        Loan loan = value_of(channel.loan(size + 10, soon()));
        ASSERT_EQ(loan.bytes().size(), size + 10);
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(loan.bytes().data()) % 8, 0u);
        std::ranges::copy(pattern(size, size), loan.bytes().begin());
        EXPECT_OK(loan.commit(size, soon()));
      },
      [&, &channel = b](std::size_t size) {
        const Message message = value_of(channel.borrow(soon()));
        ASSERT_EQ(message.size(), size);
        EXPECT_TRUE(is_pattern(message.bytes(), size));
        EXPECT_EQ(reinterpret_cast<std::uintptr_t>(message.bytes().data()) % 8, 0u);
      });
}

TEST_P(P01_WholeMessages, a_dropped_loan_sends_nothing) {
  auto [a, b] = arrange()->both();
  {
    const Loan dropped = value_of(a.loan(100));
  }
  EXPECT_OK(a.send("after"));
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "after");
  Loan loan = value_of(a.loan(4));
  EXPECT_ERRC(Errc::invalid_argument, loan.commit(5));
  EXPECT_ERRC(Errc::invalid_argument, loan.commit(4));
  EXPECT_OK(a.send("still"));
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "still");
}

TEST_P(P01_WholeMessages, one_loan_at_a_time_and_nothing_else_meanwhile) {
  auto [a, b] = arrange()->both();
  Loan loan = value_of(a.loan(4));
  EXPECT_ERRC(Errc::invalid_argument, a.loan(4));
  EXPECT_ERRC(Errc::invalid_argument, a.send("meanwhile"));
  const std::array<ByteView, 2> two{bytes_of("one"), bytes_of("two")};
  EXPECT_ERRC(Errc::invalid_argument, a.send_many(two));
  std::ranges::copy(bytes_of("lent"), loan.bytes().begin());
  EXPECT_OK(loan.commit(4, soon()));
  EXPECT_OK(a.send("after", soon()));
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "lent");
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "after");
}

TEST_P(P01_WholeMessages, are_aligned_to_8_bytes_whatever_came_before) {
  auto [a, b] = arrange()->both();
  std::vector<std::size_t> mixed;
  for (int round = 0; round < 20; ++round) {
    for (const std::size_t size :
         that_fit({65'537, 3, 200'001, 9, 65'543, 1, 131'075, 70'000, 5, 300'007, 17, 30'003, 11}))
      mixed.push_back(size);
  }
  std::vector<Message> held;
  std::size_t received = 0;
  pass(
      mixed, [&, &channel = a](std::size_t size) { EXPECT_OK(channel.send(pattern(size, size), soon())); },
      [&, &channel = b](std::size_t size) {
        Message message = value_of(channel.borrow(soon()));
        ASSERT_TRUE(is_pattern(message.bytes(), size));
        ASSERT_EQ(reinterpret_cast<std::uintptr_t>(message.bytes().data()) % 8, 0u) << size;
        if (received % 30 < 12) held.push_back(std::move(message));
        if (++received % 50 == 0) held.clear();
      });
}

TEST_P(P01_WholeMessages, of_64_mebibytes_go_through) {
  if (!promises_size(64 << 20)) return;
  auto [a, b] = arrange()->both();
  const auto large = pattern(64 << 20, 7);
  std::jthread sender([&] { EXPECT_OK(a.send(large, soon())); });
  const Message message = value_of(b.borrow(soon()));
  EXPECT_TRUE(std::ranges::equal(message.bytes(), large));
}

TEST_P(P01_WholeMessages, beyond_the_maximum_are_refused_and_the_channel_goes_on) {
  if (!promises_size(64 << 20)) return;
  auto [a, b] = arrange("max-message-size=64M")->both();
  EXPECT_EQ(a.traits().max_message_size, 64u << 20);
  const std::vector<std::byte> large((64 << 20) + 1);
  EXPECT_ERRC(Errc::message_too_large, a.send(large));
  EXPECT_ERRC(Errc::message_too_large, a.loan(large.size()));
  const std::array<ByteView, 2> two{bytes_of("one"), large};
  EXPECT_ERRC(Errc::message_too_large, a.send_many(two));
  EXPECT_OK(a.send("small"));
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "small");
}

TEST_P(P01_WholeMessages, a_buffer_that_is_too_small_loses_nothing) {
  auto [a, b] = arrange()->both();
  for (const std::size_t size : {std::size_t{10}, at_most(100'000)}) {
    std::jthread sender([&] { EXPECT_OK(a.send(pattern(size, 1), soon())); });
    std::array<std::byte, 9> small;
    const auto refused = b.receive(small, soon());
    ASSERT_TRUE(is_error(Errc::buffer_too_small, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr(std::to_string(size)));
    std::vector<std::byte> buffer(size);
    EXPECT_EQ(value_of(b.receive(buffer, soon())), size);
    EXPECT_TRUE(is_pattern(buffer, 1));
  }
}

TEST_P(P01_WholeMessages, stay_valid_while_more_arrive_and_after_the_channel_is_gone) {
  auto [a, b] = arrange()->both();
  std::vector<Message> held;
  {
    Channel receiver = std::move(b);
    for (std::uint64_t i = 0; i < 300; ++i) {
      EXPECT_OK(a.send(pattern(i % 3 == 0 ? 5000 : 100, i), soon()));
      held.push_back(value_of(receiver.borrow(soon())));
    }
    const auto large = pattern(at_most(200'000), 300);
    std::jthread sender([&a, &large] { EXPECT_OK(a.send(large, soon())); });
    held.push_back(value_of(receiver.borrow(soon())));
  }
  for (std::uint64_t i = 0; i < held.size(); ++i) EXPECT_TRUE(is_pattern(held[i].bytes(), i)) << i;
}

CONFORMANCE_SUITE(P02_InOrder);

TEST_P(P02_InOrder, exactly_once_in_both_directions_at_once) {
  if (!promises(Trait::lossless)) return;
  auto [a, b] = arrange()->both();
  constexpr std::uint64_t count = 20'000;
  const auto size_of = [](std::uint64_t i) { return i % 500 == 0 ? 70'000 : 8 + i % 300; };
  const auto send = [&](Channel& channel, std::uint64_t salt) {
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_OK(channel.send(pattern(size_of(i), i + salt), soon()));
  };
  const auto receive = [&](Channel& channel, std::uint64_t salt) {
    for (std::uint64_t i = 0; i < count; ++i) {
      const Message message = value_of(channel.borrow(soon()));
      ASSERT_EQ(message.size(), size_of(i));
      ASSERT_TRUE(is_pattern(message.bytes(), i + salt)) << i;
    }
  };
  const std::jthread forth([&, &channel = a] { send(channel, 1); });
  const std::jthread back([&, &channel = b] { send(channel, 2); });
  const std::jthread from_b([&, &channel = a] { receive(channel, 2); });
  receive(b, 1);
}

TEST_P(P02_InOrder, with_send_many_and_borrow_many) {
  if (!promises(Trait::lossless)) return;
  // Tries while spinning would be counted too.
  auto [a, b] = arrange("wait=block")->both();
  constexpr std::size_t count = 50'000;
  std::vector<std::vector<std::byte>> messages;
  for (std::size_t i = 0; i < count; ++i) messages.push_back(pattern(i % 1000 == 0 ? 150'000 : i % 100, i));
  std::jthread sender([&] {
    const std::vector<ByteView> views(messages.begin(), messages.end());
    std::size_t sent = 0;
    while (sent < count)
      sent += value_of(
          a.send_many(std::span(views).subspan(sent, std::min<std::size_t>(777, count - sent)), soon()));
  });
  std::size_t received = 0;
  std::array<Message, 100> batch;
  while (received < count) {
    const std::size_t got = value_of(b.borrow_many(batch, soon()));
    ASSERT_GE(got, 1u);
    for (std::size_t i = 0; i < got; ++i, ++received) {
      ASSERT_TRUE(std::ranges::equal(batch[i].bytes(), messages[received])) << received;
    }
  }
  EXPECT_EQ(b.statistics().received.messages, count);
  sender.join();
  EXPECT_EQ(a.statistics().sent.messages, count);
  EXPECT_LT(a.statistics().sent.system_calls, count / 2);
  EXPECT_LT(b.statistics().received.system_calls, count / 2);
}

TEST_P(P02_InOrder, between_two_processes) {
  if (!promises(Trait::lossless)) return;
  const auto meeting = arrange();
  ChildProcess child([&] {
    meeting->keep_second();
    Channel channel = value_of(meeting->second());
    for (std::uint64_t i = 0; i < 5000; ++i) {
      const Message message = value_of(channel.borrow(soon()));
      value_of(channel.send(message.bytes(), soon()));
    }
    return 0;
  });
  meeting->keep_first();
  Channel channel = value_of(meeting->first());
  for (std::uint64_t i = 0; i < 5000; ++i) {
    ASSERT_OK(channel.send(pattern(i % 200, i), soon()));
    ASSERT_TRUE(is_pattern(value_of(channel.borrow(soon())).bytes(), i));
  }
  EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
  EXPECT_EQ(child.wait(), 0);
}

CONFORMANCE_SUITE(P03_BackPressure);

TEST_P(P03_BackPressure, a_full_channel_times_out_and_the_peer_never_sees_that_message) {
  if (!promises(Trait::lossless)) return;
  auto [a, b] = arrange()->both();
  std::mt19937 random(1);
  std::vector<std::uint64_t> sent;
  for (std::uint64_t round = 0; round < 20; ++round) {
    std::uint64_t next = round * 100'000;
    while (true) {  // fill it, and more
      const std::size_t size = round % 2 == 0 ? 1 + random() % 3000 : 1 + random() % 300'000;
      const auto result = a.send(pattern(size, ++next), round % 4 < 2 ? Deadline::now() : Deadline::in(2ms));
      if (!result) {
        ASSERT_TRUE(is_error(Errc::timed_out, result));
        break;
      }
      sent.push_back(next);
    }
    std::array<Message, 16> batch;
    while (!sent.empty()) {
      const std::size_t got = value_of(b.borrow_many(batch, soon()));
      for (std::size_t i = 0; i < got; ++i) {
        ASSERT_FALSE(sent.empty());
        ASSERT_TRUE(is_pattern(batch[i].bytes(), sent.front()))
            << "a message that was not sent, or a torn one";
        sent.erase(sent.begin());
      }
    }
    ASSERT_ERRC(Errc::timed_out, b.borrow(Deadline::in(1ms)));
  }
  std::jthread last([&a] { EXPECT_OK(a.send("it goes on", soon())); });
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "it goes on");
}

TEST_P(P03_BackPressure, send_many_says_how_many_went) {
  if (!promises(Trait::lossless)) return;
  auto [a, b] = arrange()->both();
  const auto payload = pattern(1000, 5);
  const std::vector<ByteView> views(100'000, ByteView(payload));
  const std::size_t sent = value_of(a.send_many(views, Deadline::in(10ms)));
  ASSERT_GT(sent, 0u);
  ASSERT_LT(sent, views.size());
  std::jthread mark([&a] { EXPECT_OK(a.send("mark", soon())); });
  for (std::size_t i = 0; i < sent; ++i) ASSERT_TRUE(is_pattern(value_of(b.borrow(soon())).bytes(), 5)) << i;
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "mark");
}

TEST_P(P03_BackPressure, a_waiting_sender_goes_on_when_there_is_room) {
  if (!promises(Trait::lossless)) return;
  auto [a, b] = arrange()->both();
  const auto payload = pattern(40'000, 3);
  std::jthread sender([&] {
    for (int i = 0; i < 200; ++i) EXPECT_OK(a.send(payload, soon()));
  });
  for (int i = 0; i < 200; ++i) ASSERT_TRUE(is_pattern(value_of(b.borrow(soon())).bytes(), 3));
}

CONFORMANCE_SUITE(P10_Threads);

TEST_P(P10_Threads, channels_are_independent_of_each_other) {
  std::vector<std::jthread> pairs;
  for (int i = 0; i < 4; ++i) {
    pairs.emplace_back([row = GetParam()] {
      // Each in its own folder, so under its own name.
      auto [a, b] = Meeting::arrange(row)->both();
      for (std::uint64_t k = 0; k < 500; ++k) {
        EXPECT_OK(a.send(pattern(k, k), soon()));
        EXPECT_TRUE(is_pattern(value_of(b.borrow(soon())).bytes(), k));
      }
    });
  }
}

CONFORMANCE_SUITE(P11_Deadlines);

TEST_P(P11_Deadlines, hold_on_every_call_that_waits) {
  auto [a, b] = arrange()->both();
  std::array<std::byte, 8> buffer;
  std::array<Message, 2> batch;
  for (const auto patience : {0ms, 5ms}) {
    const auto deadline = [&] { return patience == 0ms ? Deadline::now() : Deadline::in(patience); };
    EXPECT_ERRC(Errc::timed_out, a.receive(buffer, deadline()));
    EXPECT_ERRC(Errc::timed_out, a.borrow(deadline()));
    EXPECT_ERRC(Errc::timed_out, a.borrow_many(batch, deadline()));
    if (!promises(Trait::lossless)) continue;  // a send never waits: what finds no room is lost
    for (const std::size_t size : {8192U, 0U}) fill(a, size);
    EXPECT_ERRC(Errc::timed_out, a.send(pattern(100'000, 1), deadline()));
    if (auto loan = a.loan(100'000, deadline())) {
      EXPECT_ERRC(Errc::timed_out, loan->commit(100'000, deadline()));
    } else {  // it is lent where the peer will read it, and there is no room
      EXPECT_TRUE(promises(Trait::zero_copy) && is_error(Errc::timed_out, loan));
    }
  }
}

TEST_P(P11_Deadlines, another_thread_can_cancel_a_wait) {
  for (const std::string options : {"wait=block", "wait=spin", "wait=hybrid"}) {
    auto [a, b] = arrange(options)->both();
    Canceller canceller = value_of(Canceller::create());
    {
      const std::jthread other([&] { canceller.cancel(); });
      EXPECT_ERRC(Errc::cancelled, b.borrow(soon().unless(canceller)));
    }
    canceller.reset();
    if (!promises(Trait::lossless)) continue;
    fill(a, 8192);
    const std::jthread other([&] { canceller.cancel(); });
    EXPECT_ERRC(Errc::cancelled, a.send(pattern(8192, 1), soon().unless(canceller)));
  }
}

TEST_P(P11_Deadlines, accept_and_connect_have_them_too) {
  if (!needs_name()) return;
  TemporaryFolder folder;
  const std::string address = address_of(GetParam(), folder);
  Listener listener = value_of(listen(address));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::in(5ms)));
  EXPECT_ERRC(Errc::timed_out, connect(address, {.deadline = Deadline::in(5ms)}));  // nobody accepts
  Canceller canceller = value_of(Canceller::create());
  const std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, listener.accept(soon().unless(canceller)));
  EXPECT_ERRC(Errc::cancelled, connect(address, {.deadline = soon().unless(canceller)}));
}

}  // namespace
}  // namespace tenon
