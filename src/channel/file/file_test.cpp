// What file: promises beyond the contract: unread messages outlive both processes, each of the right ones once.
#include <array>
#include <csignal>
#include <random>

#include "channel/file/file_test.hpp"
#include "support/faults.hpp"

namespace tenon {
namespace {

using namespace test;

// ---- Restarts

TEST_F(FileChannel, keeps_what_was_not_read_for_the_next_pair) {
  {
    Pair pair = meet();
    for (int i = 1; i <= 5; ++i) EXPECT_OK(send_number(pair.connected, i));
    for (int i = 101; i <= 103; ++i) EXPECT_OK(send_number(pair.accepted, i));
    EXPECT_EQ(next(pair.accepted), "1");
    EXPECT_EQ(next(pair.accepted), "2");
    EXPECT_EQ(next(pair.connected), "101");
  }
  EXPECT_TRUE(std::filesystem::exists(path_));
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

TEST_F(FileChannel, one_side_may_come_back_while_the_other_stays) {
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

TEST_F(FileChannel, a_killed_reader_leaves_what_it_was_at_to_its_successor_and_nothing_before) {
  const std::vector<std::string> texts{"1", "2", "3", "4", "5", "6", "7", "8"};
  const std::vector<ByteView> views = [&] {
    std::vector<ByteView> all;
    for (const auto& text : texts) all.push_back(bytes_of(text));
    return all;
  }();
  for (const std::size_t taken : {1U, 2U, 8U}) {
    ChildProcess reader([&] {
      Listener listener = listen_here();
      Channel channel = value_of(listener.accept(soon()));
      for (std::size_t i = 0; i < taken; ++i) EXPECT_EQ(next(channel), texts[i]);
      return ::raise(SIGKILL);
    });
    {
      Channel writer = connect_when_there();
      EXPECT_EQ(value_of(writer.send_many(views)), views.size());
      EXPECT_ERRC(Errc::peer_died, writer.borrow(soon()));
    }
    EXPECT_EQ(reader.wait(), -SIGKILL);
    Pair pair = meet();
    EXPECT_OK(pair.connected.close());
    for (std::size_t i = taken - 1; i < texts.size(); ++i) EXPECT_EQ(next(pair.accepted), texts[i]);
    EXPECT_ERRC(Errc::closed, pair.accepted.borrow(soon()));
  }
}

TEST_F(FileChannel, of_a_batch_that_a_killed_reader_was_at_all_come_again) {
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

TEST_F(FileChannel, a_killed_writer_leaves_whole_messages_only) {
  std::mt19937 random(7);
  std::uint64_t expected = 0;
  for (int trial = 0; trial < 40; ++trial) {
    const auto size_of = [](std::uint64_t i) { return i % 11 == 10 ? 150'000 : i * 13 % 2000; };
    const std::uint64_t first = expected;
    std::uint64_t before = random() % 40;
    {
      Listener listener = listen_here();
      ChildProcess writer([&] {
        Channel channel = value_of(connect(address_));
        for (std::uint64_t i = first; value_of(channel.send(pattern(size_of(i), i), soon())), true; ++i) {
        }
        return 0;
      });
      Channel channel = value_of(listener.accept(soon()));
      for (; before > 0; --before, ++expected) {
        ASSERT_TRUE(is_pattern(value_of(channel.borrow(soon())).bytes(), expected));
      }
      writer.kill(SIGKILL);
      writer.wait();
    }
    // What it had committed waits for the next pair.
    Pair pair = meet();
    EXPECT_OK(pair.connected.close());
    Result<Message> message = pair.accepted.borrow(soon());
    for (; message; message = pair.accepted.borrow(soon()), ++expected) {
      ASSERT_EQ(message->size(), size_of(expected));
      ASSERT_TRUE(is_pattern(message->bytes(), expected));
    }
    EXPECT_TRUE(is_error(Errc::closed, message));
  }
  EXPECT_TRUE(folder_.empty());
}

// ---- The disk

TEST_F(FileChannel, that_waits_for_the_disk_ends_when_the_disk_fails) {
  Pair pair = meet("?sync=message");
  EXPECT_OK(pair.connected.send("safe"));
  EXPECT_EQ(next(pair.accepted), "safe");
  // A send looks at its peer now and then, writes, and syncs: which call is which varies. A write that fails is taken
  // back and the next succeeds; after a sync none does.
  Result<void> result;
  for (int i = 0; i < 400 && result; ++i) {
    {
      const Faults fault = Faults::in_call(1 + i % 4, EIO);
      result = pair.connected.send("unsure");
    }
    if (!result) result = pair.connected.send("whatever a later sync says");
  }
  EXPECT_TRUE(is_error(Errc::system_error, result));
  EXPECT_ERRC(Errc::system_error, pair.connected.send("ever"));
  EXPECT_OK(pair.accepted.send("the other direction goes on"));
  EXPECT_EQ(next(pair.connected), "the other direction goes on");
}

TEST_F(FileChannel, goes_on_behind_what_a_machine_that_went_down_has_lost) {
  {
    Pair pair = meet();
    for (int i = 1; i <= 5; ++i) EXPECT_OK(send_number(pair.connected, i));
    for (int i = 1; i <= 4; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
    pair.accepted.abort();
  }
  // The position got to the disk, the end of the log did not.
  std::filesystem::resize_file(file(segment(1)), 200);
  Pair pair = meet();
  EXPECT_OK(send_number(pair.connected, 6));
  EXPECT_EQ(next(pair.accepted), "6");
}

TEST_F(FileChannel, takes_zeros_at_the_end_of_an_old_log_for_nothing) {
  {
    Pair pair = meet();
    for (int i = 1; i <= 2; ++i) EXPECT_OK(send_number(pair.connected, i));
  }
  std::filesystem::resize_file(file(segment(1)), std::filesystem::file_size(file(segment(1))) + 5000);
  Pair pair = meet();
  EXPECT_OK(send_number(pair.connected, 3));
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
}

}  // namespace
}  // namespace tenon
