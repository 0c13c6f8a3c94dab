// Which lines of the ring are used: few in a conversation, since they stay in a cache near by; all in a stream, so that
// they have left the other CPU's cache when they are written again.
#include <algorithm>
#include <future>
#include <vector>

#include "channel/conformance_test.hpp"
#include "os/pause.hpp"

namespace tenon {
namespace {

using namespace test;

constexpr std::size_t size = 200;
constexpr std::uint64_t count = 10'000;  // of 256 bytes: more than the ring has
constexpr std::size_t longer = 2'000;

class ShmConversation : public testing::Test {
 protected:
  /// How far apart what is borrowed lies, while the other side sends back each message, or only receives it.
  std::uint64_t reach(std::size_t length, bool answered) {
    const std::string address = "shm:" + folder_ / "s?wait=spin";
    Listener listener = value_of(listen(address));
    auto other = std::async(std::launch::async, [&] {
      Channel channel = value_of(connect(address, {.deadline = soon()}));
      std::vector<const std::byte*> places;
      for (std::uint64_t i = 0; i < count; ++i) {
        const Message message = value_of(channel.borrow(soon()));
        EXPECT_TRUE(is_pattern(message.bytes(), i));
        places.push_back(message.bytes().data());
        if (!answered) continue;
        for (int pause = 0; pause < 100; ++pause) os::cpu_pause();  // longer than one look at the ring
        EXPECT_OK(channel.send(message.bytes(), soon()));
      }
      const auto [least, most] = std::ranges::minmax_element(places);
      return static_cast<std::uint64_t>(*most - *least);
    });
    Channel channel = value_of(listener.accept(soon()));
    for (std::uint64_t i = 0; i < count; ++i) {
      EXPECT_OK(channel.send(pattern(length, i), soon()));
      if (!answered) continue;
      EXPECT_TRUE(is_pattern(value_of(channel.borrow(soon())).bytes(), i));
    }
    if (answered && length == size) {
      EXPECT_LT(channel.statistics().sent.high_water, 128U << 10) << "what is skipped is not unread";
    }
    return other.get();
  }

  TemporaryFolder folder_;
};

TEST_F(ShmConversation, stays_where_the_ring_begins) {
  EXPECT_LT(reach(size, true), 256U << 10);
}

TEST_F(ShmConversation, is_none_in_one_direction) {
  EXPECT_GT(reach(size, false), 1U << 20);
}

TEST_F(ShmConversation, of_longer_messages_takes_all_of_the_ring) {
  EXPECT_GT(reach(longer, true), 1U << 20);
}

TEST_F(ShmConversation, goes_on_with_a_message_that_has_no_room_behind_the_way_back_to_the_beginning) {
  const std::string address = "shm:" + folder_ / "s?wait=spin";
  Listener listener = value_of(listen(address));
  std::jthread echo([&] {
    Channel channel = value_of(connect(address, {.deadline = soon()}));
    for (std::uint64_t i = 0; i < count; ++i) {
      EXPECT_OK(channel.send(value_of(channel.borrow(soon())).bytes().first(1), soon()));
    }
    EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
  });
  Channel channel = value_of(listener.accept(soon()));
  for (std::uint64_t i = 0; i < count; ++i) {
    const std::size_t length = i % 257 == 256 ? 500'000 : size;  // behind 64 KiB of short ones
    Loan loan = value_of(channel.loan(length, soon()));
    std::ranges::copy(pattern(length, i), loan.bytes().begin());
    ASSERT_OK(loan.commit(length));
    ASSERT_OK(channel.borrow(soon()));
  }
}

TEST_F(ShmConversation, goes_on_while_messages_are_held) {
  const std::string address = "shm:" + folder_ / "s?wait=spin";
  Listener listener = value_of(listen(address));
  std::jthread echo([&] {
    Channel channel = value_of(connect(address, {.deadline = soon()}));
    for (std::uint64_t i = 0; i < count; ++i) {
      EXPECT_OK(channel.send(value_of(channel.borrow(soon())).bytes(), soon()));
    }
    EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
  });
  Channel channel = value_of(listener.accept(soon()));
  std::vector<std::pair<std::uint64_t, Message>> held;
  for (std::uint64_t i = 0; i < count; ++i) {
    EXPECT_OK(channel.send(pattern(size, i), soon()));
    Message message = value_of(channel.borrow(soon()));
    if (i % 701 == 0) held.emplace_back(i, std::move(message));
  }
  for (const auto& [i, message] : held) EXPECT_TRUE(is_pattern(message.bytes(), i));
}

TEST_F(ShmConversation, goes_on_with_long_messages_that_are_held_by_who_sleeps) {
  for (const std::string wait : {"block", "hybrid"}) {
    const std::string address = "shm:" + folder_ / "s?wait=" + wait;
    Listener listener = value_of(listen(address));
    std::jthread echo([&] {
      Channel channel = value_of(connect(address, {.deadline = soon()}));
      Result<Message> message = channel.borrow(soon());
      while (message) {  // which is held while the next is waited for
        ASSERT_OK(channel.send(message->bytes().first(200), soon()));
        message = channel.borrow(soon());
      }
      EXPECT_ERRC(Errc::closed, message);
    });
    Channel channel = value_of(listener.accept(soon()));
    const std::vector<std::byte> message = pattern(250'000, 1);
    for (std::uint64_t i = 0; i < 3'000; ++i) {
      ASSERT_OK(channel.send(message, soon())) << wait << " " << i;
      ASSERT_OK(channel.borrow(soon())) << wait << " " << i;
    }
  }
}

}  // namespace
}  // namespace tenon
