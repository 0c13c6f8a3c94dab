// What mmap: promises beyond the contract: unread messages outlive both processes, each of the right ones once.
#include "channel/mmap/mmap_test.hpp"

#include <array>
#include <csignal>
#include <cstring>
#include <random>

#include <tenon/os/mapping.hpp>
#include <tenon/os/memfd.hpp>

namespace tenon {
namespace {

using namespace test;

TEST_F(MmapChannel, keeps_what_was_not_read_for_the_next_pair) {
  {
    Pair pair = meet();
    for (int i = 1; i <= 5; ++i) EXPECT_OK(send_number(pair.connected, i));
    for (int i = 101; i <= 103; ++i) EXPECT_OK(send_number(pair.accepted, i));
    EXPECT_EQ(next(pair.accepted), "1");
    EXPECT_EQ(next(pair.accepted), "2");
    EXPECT_EQ(next(pair.connected), "101");
  }
  {
    Pair pair = meet();
    EXPECT_OK(send_number(pair.connected, 6));
    EXPECT_OK(pair.connected.finish());
    for (int i = 3; i <= 6; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
    EXPECT_ERRC(Errc::closed, pair.accepted.borrow(soon()));
    EXPECT_OK(pair.accepted.close());
    for (int i = 102; i <= 103; ++i) EXPECT_EQ(next(pair.connected), std::to_string(i));
    EXPECT_ERRC(Errc::closed, pair.connected.borrow(soon()));
  }
  EXPECT_TRUE(folder_.empty()) << "everything has been read";
}

TEST_F(MmapChannel, takes_a_message_of_nearly_the_ring_wherever_a_conversation_left_it) {
  constexpr std::size_t large = default_capacity - 4096;
  for (const int rounds : {1, 1000, 5000, 9000}) {
    Pair pair = meet("wait=spin");
    std::jthread echo([&] {
      for (int i = 0; i < rounds; ++i) {
        EXPECT_OK(pair.connected.send(value_of(pair.connected.borrow(soon())).bytes(), soon()));
      }
      EXPECT_TRUE(is_pattern(value_of(pair.connected.borrow(soon())).bytes(), 7));
    });
    for (int i = 0; i < rounds; ++i) {
      EXPECT_OK(pair.accepted.send(pattern(200, 1), soon()));
      EXPECT_OK(pair.accepted.borrow(soon()));
    }
    EXPECT_OK(pair.accepted.send(pattern(large, 7), soon()));
  }
}

TEST_F(MmapChannel, one_side_may_come_back_while_the_other_stays) {
  Listener listener = listen_here();
  for (int round = 0; round < 5; ++round) {
    std::jthread client([&] {
      Channel channel = value_of(connect(address_, {.deadline = soon()}));
      EXPECT_OK(send_number(channel, 2 * round));
      EXPECT_OK(send_number(channel, 2 * round + 1));
      EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
    });
    Channel channel = value_of(listener.accept(soon()));
    // The first round leaves one unread, so each later one begins with what the last did not take.
    EXPECT_EQ(next(channel), std::to_string(round == 0 ? 0 : 2 * round - 1));
    if (round > 0) {
      EXPECT_EQ(next(channel), std::to_string(2 * round));
    }
    EXPECT_OK(channel.close());
  }
}

TEST_F(MmapChannel, a_sender_and_then_both_are_killed_and_all_that_was_committed_is_read) {
  leave_unread(50);
  for (int round = 0; round < 3; ++round) {  // a listener that comes and is killed again changes nothing
    ChildProcess killed([&] {
      const Listener listener = listen_here();
      return ::raise(SIGKILL);
    });
    killed.wait();
  }
  Pair pair = meet();
  EXPECT_OK(pair.connected.close());
  for (int i = 1; i <= 50; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
  EXPECT_ERRC(Errc::closed, pair.accepted.borrow(soon()));
}

TEST_F(MmapChannel, a_killed_reader_leaves_what_it_was_at_to_its_successor_and_nothing_before) {
  for (const std::size_t taken : {1U, 2U, 8U}) {
    ChildProcess reader([&] {
      Listener listener = listen_here();
      Channel channel = value_of(listener.accept(soon()));
      for (std::size_t i = 0; i < taken; ++i) EXPECT_EQ(next(channel), std::to_string(i));
      return ::raise(SIGKILL);
    });
    {
      Channel writer = connect_when_there();
      for (int i = 0; i < 8; ++i) EXPECT_OK(send_number(writer, i));
      EXPECT_ERRC(Errc::peer_died, writer.borrow(soon()));
    }
    EXPECT_EQ(reader.wait(), -SIGKILL);
    Pair pair = meet();
    EXPECT_OK(pair.connected.close());
    for (std::size_t i = taken - 1; i < 8; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
    EXPECT_ERRC(Errc::closed, pair.accepted.borrow(soon()));
  }
}

TEST_F(MmapChannel, of_a_batch_that_a_killed_reader_was_at_all_come_again) {
  ChildProcess reader([&] {
    Listener listener = listen_here();
    Channel channel = value_of(listener.accept(soon()));
    EXPECT_EQ(next(channel), "0");
    std::array<Message, 3> batch;
    EXPECT_EQ(value_of(channel.borrow_many(batch, soon())), 3u);
    return ::raise(SIGKILL);
  });
  {
    Channel writer = connect_when_there();
    const std::vector<ByteView> views{bytes_of("0"), bytes_of("1"), bytes_of("2"), bytes_of("3"),
                                      bytes_of("4")};
    EXPECT_EQ(value_of(writer.send_many(views)), 5u);
    EXPECT_ERRC(Errc::peer_died, writer.borrow(soon()));
  }
  reader.wait();
  Pair pair = meet();
  for (int i = 1; i <= 4; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
}

TEST_F(MmapChannel, room_is_never_made_of_what_may_have_to_be_read_again) {
  // Each message is more than a quarter of the ring, so that reading it would give room back at once.
  ChildProcess reader([&] {
    Listener listener = listen_here("?capacity=8K");
    Channel channel = value_of(listener.accept(soon()));
    std::vector<std::byte> buffer(8 << 10);
    for (int i = 0; i < 2; ++i) value_of(channel.receive(buffer, soon()));
    value_of(channel.send("read", soon()));
    return ::pause();
  });
  {
    Channel writer = connect_when_there();
    for (std::uint64_t i = 0; i < 2; ++i) EXPECT_OK(writer.send(pattern(3000, i), soon()));
    EXPECT_EQ(next(writer), "read");
    for (std::uint64_t i = 2; writer.send(pattern(3000, i), Deadline::now()); ++i) {
    }
    reader.kill(SIGKILL);
  }
  reader.wait();
  Pair pair = meet();
  EXPECT_TRUE(is_pattern(value_of(pair.accepted.borrow(soon())).bytes(), 1));
  EXPECT_TRUE(is_pattern(value_of(pair.accepted.borrow(soon())).bytes(), 2));
}

/// What two processes that are killed again and again have done: it outlives them.
struct Ledger {
  std::atomic<std::uint64_t> begun;     ///< numbers that a writer has tried to send
  std::atomic<std::uint64_t> sent;      ///< of these, the last of which it knows
  std::atomic<std::uint64_t> received;  ///< the last that a reader got
  std::atomic<std::uint64_t> wrong;
  /// By number: a writer was killed between begun and sent, so it may be there or not.
  std::array<std::atomic<bool>, 1 << 20> in_doubt;
};

class MmapKilled : public MmapChannel, public testing::WithParamInterface<std::size_t> {
 protected:
  MmapKilled() {
    auto memory = value_of(os::Memfd::create("ledger", sizeof(Ledger)));
    mapping_ = value_of(os::Mapping::map(memory.fd().get(), sizeof(Ledger), os::Access::read_write));
    ledger_ = &mapping_.at<Ledger>(0);
  }
  std::size_t size_of(std::uint64_t i) const { return 8 + i * 37 % GetParam(); }

  std::atomic<bool>& in_doubt(std::uint64_t i) const {
    return ledger_->in_doubt[i % ledger_->in_doubt.size()];
  }

  int write() {
    Channel channel = connect_when_there();
    if (ledger_->begun != ledger_->sent) in_doubt(ledger_->begun) = true;
    for (std::uint64_t i = ledger_->begun + 1;; ++i) {
      ledger_->begun = i;
      auto message = pattern(size_of(i), i);
      std::memcpy(message.data(), &i, sizeof i);
      if (!channel.send(message, soon())) ::pause();
      ledger_->sent = i;
    }
  }
  int read() {
    Listener listener = listen_here("?capacity=8K");
    Channel channel = value_of(listener.accept(soon()));
    for (bool first = true;; first = false) {
      const auto message = channel.borrow(soon());
      if (!message) ::pause();
      check(message->bytes(), first);
    }
  }
  /// In order; the first of a reader may be the last of the one before; what is missing was never sent for sure.
  void check(ByteView bytes, bool first) {
    std::uint64_t number = 0;
    std::memcpy(&number, bytes.data(), sizeof number);
    auto expected = pattern(size_of(number), number);
    std::memcpy(expected.data(), &number, sizeof number);
    std::uint64_t last = ledger_->received;
    bool in_order = number > last || (first && number == last);
    while (++last < number) in_order = in_order && in_doubt(last);
    if (!in_order || !std::ranges::equal(bytes, expected)) ++ledger_->wrong;
    ledger_->received = number;
  }

  os::Mapping mapping_;
  Ledger* ledger_;
};

TEST_P(MmapKilled, at_any_moment_neither_loses_nor_repeats_what_it_must_not) {
  std::mt19937 random(11);
  const Canceller never = value_of(Canceller::create());
  for (int trial = 0; trial < 60; ++trial) {
    ChildProcess reader([&] { return read(); });
    ChildProcess writer([&] { return write(); });
    static_cast<void>(os::wait_for(never.poll_fd(), os::Wait::readable,
                                   Deadline::in(std::chrono::microseconds(3000 + random() % 6000))));
    (trial % 2 == 0 ? reader : writer).kill(SIGKILL);
    static_cast<void>(os::wait_for(never.poll_fd(), os::Wait::readable,
                                   Deadline::in(std::chrono::microseconds(random() % 2000))));
  }
  ASSERT_EQ(ledger_->wrong, 0u);
  ASSERT_GT(ledger_->received, 100u);
  Pair pair = meet();
  EXPECT_OK(pair.connected.close());
  bool first = true;
  Result<Message> message = pair.accepted.borrow(soon());
  for (; message; message = pair.accepted.borrow(soon()), first = false) check(message->bytes(), first);
  EXPECT_TRUE(is_error(Errc::closed, message));
  EXPECT_EQ(ledger_->wrong, 0u);
  EXPECT_GE(ledger_->received, ledger_->sent);
}

/// Messages in one record; and in parts, all of which fit into the ring.
INSTANTIATE_TEST_SUITE_P(, MmapKilled, testing::Values(1000, 6000));

TEST_F(MmapChannel, a_reader_that_is_killed_within_a_message_longer_than_the_ring_takes_only_that_along) {
  std::mt19937 random(12);
  std::uint64_t last = 0;
  for (int trial = 0; trial < 30; ++trial) {
    const std::uint64_t before = random() % 10;
    ChildProcess reader([&] {
      Listener listener = listen_here("?capacity=8K");
      Channel channel = value_of(listener.accept(soon()));
      for (;;) value_of(channel.borrow(soon()));
      return 0;
    });
    Channel writer = connect_when_there();
    Result<void> sent;
    const std::uint64_t first = last + 1;
    for (std::uint64_t i = first; sent; ++i) {
      if (i == first + before) reader.kill(SIGKILL);
      sent = writer.send(pattern(i % 2 == 0 ? 50'000 : 100, i), soon());
      last = i;
    }
    EXPECT_TRUE(is_error(Errc::peer_died, sent));
  }
  Pair pair = meet();
  EXPECT_OK(pair.connected.close());
  Result<Message> message = pair.accepted.borrow(soon());
  for (; message; message = pair.accepted.borrow(soon())) {
    bool whole = false;
    for (std::uint64_t i = 1; i <= last && !whole; ++i)
      whole = message->size() == (i % 2 == 0 ? 50'000 : 100) && is_pattern(message->bytes(), i);
    EXPECT_TRUE(whole);
  }
  EXPECT_TRUE(is_error(Errc::closed, message));
}

TEST_F(MmapChannel, messages_that_are_held_stay_as_they_are_while_the_next_pair_uses_the_ring) {
  std::vector<Message> held;
  Listener listener = listen_here("?capacity=4K");
  for (std::uint64_t round = 0; round < 5; ++round) {
    std::jthread client([&] {
      Channel channel = value_of(connect(address_, {.deadline = soon()}));
      for (std::uint64_t i = 0; i < 20; ++i) EXPECT_OK(channel.send(pattern(200, 100 * round + i), soon()));
    });
    Channel channel = value_of(listener.accept(soon()));
    for (std::uint64_t i = 0; i < 20; ++i) {
      Message message = value_of(channel.borrow(soon()));
      EXPECT_TRUE(is_pattern(message.bytes(), 100 * round + i));
      if (i >= 15) held.push_back(std::move(message));
    }
    EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
  }
  for (std::uint64_t k = 0; k < held.size(); ++k)
    EXPECT_TRUE(is_pattern(held[k].bytes(), 100 * (k / 5) + 15 + k % 5)) << k;
}

TEST_F(MmapChannel, messages_that_are_held_keep_no_seat) {
  std::vector<Message> held;
  for (const int number : {1, 2, 3}) {
    Pair pair = meet();
    if (number == 1) {
      for (int i = 1; i <= 4; ++i) EXPECT_OK(send_number(pair.connected, i));
    }
    held.push_back(value_of(pair.accepted.borrow(soon())));
  }
  for (const int number : {1, 2, 3})
    EXPECT_EQ(held[static_cast<std::size_t>(number - 1)].text(), std::to_string(number));
}

TEST_F(MmapChannel, a_death_makes_the_poll_descriptor_readable) {
  for (int trial = 0; trial < 20; ++trial) {
    ChildProcess peer([&] {
      Channel channel = connect_when_there();
      value_of(channel.send("ready", soon()));
      return ::pause();
    });
    Listener listener = listen_here();
    Channel channel = value_of(listener.accept(soon()));
    EXPECT_EQ(next(channel), "ready");
    const int fd = value_of(channel.poll_fd());
    peer.kill(SIGKILL);
    Result<Message> message = channel.borrow(Deadline::now());
    while (!message && message.error().code() == Errc::timed_out) {
      ASSERT_OK(os::wait_for(fd, os::Wait::readable, soon()));
      message = channel.borrow(Deadline::now());
    }
    EXPECT_TRUE(is_error(Errc::peer_died, message));
  }
}

TEST_F(MmapChannel, whoever_closes_the_file_is_looked_for_until_it_is_clear_that_it_was_not_the_peer) {
  Pair pair = meet();
  const int fd = value_of(pair.accepted.poll_fd());
  EXPECT_ERRC(Errc::timed_out, pair.accepted.borrow(Deadline::now()));
  std::fstream(path_, std::ios::in | std::ios::out).close();
  ASSERT_OK(os::wait_for(fd, os::Wait::readable, soon()));
  EXPECT_ERRC(Errc::timed_out, pair.accepted.borrow(Deadline::now()));
  EXPECT_OK(os::wait_for(fd, os::Wait::readable, Deadline::now()));
  while (os::wait_for(fd, os::Wait::readable, Deadline::now()))
    EXPECT_ERRC(Errc::timed_out, pair.accepted.borrow(Deadline::now()));
}

TEST_F(MmapChannel, two_that_poll_do_not_wake_themselves) {
  Pair pair = meet("?wait=block");
  const int a = value_of(pair.accepted.poll_fd());
  const int b = value_of(pair.connected.poll_fd());
  const auto readable = [](int fd) {
    return os::wait_for(fd, os::Wait::readable, Deadline::now()).has_value();
  };
  for (int i = 0; i < 100; ++i) {
    ASSERT_OK(send_number(pair.accepted, i));
    ASSERT_TRUE(readable(b));
    ASSERT_FALSE(readable(a));
    ASSERT_EQ(next(pair.connected), std::to_string(i));
    ASSERT_OK(send_number(pair.connected, i));
    ASSERT_FALSE(readable(b));
    ASSERT_EQ(next(pair.accepted), std::to_string(i));
    ASSERT_FALSE(readable(a));
  }
}

TEST_F(MmapChannel, a_peer_that_writes_nonsense_is_disconnected) {
  Pair pair = meet();
  ASSERT_OK(pair.connected.send("x", soon()));
  ASSERT_EQ(next(pair.accepted), "x");
  const int fd = value_of(pair.connected.poll_fd());
  write_at(ring_at(default_capacity) + 64, "nonsense");
  const auto message = pair.accepted.borrow(soon());
  EXPECT_TRUE(is_error(Errc::protocol_violation, message));
  EXPECT_ERRC(Errc::protocol_violation, pair.accepted.send("hello?"));
  EXPECT_OK(os::wait_for(fd, os::Wait::readable, soon()));
  EXPECT_FALSE(pair.connected.borrow(soon()).has_value());
}

}  // namespace
}  // namespace tenon
