// Messages beyond the ring, in blocks of memory of their own (docs/ring.md): that they are in place, that blocks are used
// again, and that nobody waits or dies for it.
#include <atomic>
#include <csignal>
#include <fstream>
#include <future>
#include <random>
#include <set>

#include "channel/arena.hpp"
#include "channel/shm/arena_test.hpp"
#include "os/pause.hpp"

namespace tenon {
namespace {

using namespace test;

std::size_t blocks_mapped() {
  std::ifstream maps("/proc/self/maps");
  std::size_t count = 0;
  for (std::string line; std::getline(maps, line);)
    count += line.find("memfd:tenon-block") != std::string::npos ? 1U : 0U;
  return count;
}

TEST_F(ShmArena, the_receiver_sees_the_very_bytes_that_the_sender_wrote) {
  auto [sender, receiver] = meet();
  constexpr std::size_t large = 256 << 20;
  Loan loan = value_of(sender.loan(large, soon()));
  const ByteSpan written = loan.bytes();
  for (std::size_t at = 0; at < large; at += 32 << 20) written[at] = std::byte{7};
  ASSERT_OK(loan.commit(large, soon()));
  const Message message = value_of(receiver.borrow(soon()));
  ASSERT_EQ(message.size(), large);
  for (std::size_t at = 0; at < large; at += 32 << 20) EXPECT_EQ(message.bytes()[at], std::byte{7});
  written.back() = std::byte{9};  // what no honest sender does
  EXPECT_EQ(message.bytes().back(), std::byte{9});
  EXPECT_EQ(receiver.statistics().received.largest, large);
  EXPECT_EQ(sender.statistics().sent.bytes, large);
}

TEST_F(ShmArena, a_block_is_used_again_when_it_was_released) {
  auto [sender, receiver] = meet();
  const ByteSpan first = lend(sender, size, 0);
  EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), 0));
  const auto calls = sender.statistics().sent.system_calls;
  for (std::uint64_t i = 1; i < 1000; ++i) {
    EXPECT_EQ(lend(sender, size + i, i).data(), first.data());
    EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), i));
  }
  EXPECT_LT(sender.statistics().sent.system_calls - calls, 100u);
  EXPECT_EQ(blocks_mapped(), 2u);  // one, by either side
}

TEST_F(ShmArena, a_copy_that_is_sent_goes_through_a_block_as_well) {
  auto [sender, receiver] = meet();
  std::vector<std::byte> buffer(size + 1000);
  std::set<const std::byte*> places;
  for (std::uint64_t i = 0; i < 1000; ++i) {
    ASSERT_OK(sender.send(pattern(size + i, i), soon()));
    if (i % 2 == 0) {
      const Message message = value_of(receiver.borrow(soon()));
      EXPECT_TRUE(is_pattern(message.bytes(), i));
      places.insert(message.bytes().data());
    } else {
      ASSERT_EQ(value_of(receiver.receive(buffer, soon())), size + i);
      EXPECT_TRUE(is_pattern(std::span(buffer).first(size + i), i));
    }
  }
  EXPECT_EQ(places.size(), 1u);
  EXPECT_EQ(blocks_mapped(), 2u);
}

TEST_F(ShmArena, a_copy_that_found_no_block_in_time_was_not_sent) {
  auto [sender, receiver] = meet("&arena=256K");
  std::uint64_t sent = 0;
  Result<void> last;
  while ((last = sender.send(pattern(size, sent), Deadline::in(5ms)))) ++sent;
  EXPECT_ERRC(Errc::timed_out, last);
  EXPECT_GE(sent, 2u);
  for (std::uint64_t i = 0; i < sent; ++i)
    EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), i));
  EXPECT_OK(sender.send("after it", soon()));
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "after it");
}

TEST_F(ShmArena, a_copy_of_a_message_that_is_too_long_for_a_block_goes_in_parts) {
  auto [sender, receiver] = meet();
  const std::vector<std::byte> message = pattern((64 << 20) + 1, 3);
  const std::jthread sending([&, &channel = sender] { EXPECT_OK(channel.send(message, soon())); });
  EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), 3));
  EXPECT_EQ(blocks_mapped(), 0u);
}

TEST_F(ShmArena, a_dropped_loan_and_a_committed_part_of_one_leave_the_block) {
  auto [sender, receiver] = meet();
  {
    const Loan dropped = value_of(sender.loan(size));
  }
  Loan loan = value_of(sender.loan(size));
  EXPECT_ERRC(Errc::invalid_argument, loan.commit(size + 1));
  for (const std::size_t part : {std::size_t{0}, std::size_t{1}, std::size_t{5000}, size}) {
    Loan longer = value_of(sender.loan(size));
    std::ranges::copy(pattern(part, part), longer.bytes().begin());
    EXPECT_OK(longer.commit(part, soon()));
    const Message message = value_of(receiver.borrow(soon()));
    EXPECT_TRUE(message.size() == part && is_pattern(message.bytes(), part));
  }
  EXPECT_EQ(blocks_mapped(), 2u);
}

TEST_F(ShmArena, who_keeps_every_message_does_not_stop_the_sender) {
  for (const std::string wait : {"&wait=block", "&wait=spin", "&wait=hybrid"}) {
    auto [sender, receiver] = meet("&arena=512K" + wait);
    std::jthread sending([&, &channel = sender] {
      for (std::uint64_t i = 0; i < 60; ++i) lend(channel, size, i);
    });
    std::vector<Message> kept;
    while (kept.size() < 60) kept.push_back(value_of(receiver.borrow(soon())));
    for (std::uint64_t i = 0; i < 60; ++i) EXPECT_TRUE(is_pattern(kept[i].bytes(), i)) << i;
  }
}

TEST_F(ShmArena, who_keeps_every_message_and_polls_does_not_stop_the_sender) {
  auto [sender, receiver] = meet("&arena=512K");
  const int fd = value_of(receiver.poll_fd());
  std::jthread sending([&, &channel = sender] {
    for (std::uint64_t i = 0; i < 60; ++i) lend(channel, size, i);
  });
  std::vector<Message> kept;
  while (kept.size() < 60) {
    ASSERT_OK(os::wait_for(fd, os::Wait::readable, soon()));
    auto message = receiver.borrow(Deadline::now());
    if (message) kept.push_back(std::move(*message));
  }
  for (std::uint64_t i = 0; i < 60; ++i) EXPECT_TRUE(is_pattern(kept[i].bytes(), i)) << i;
}

TEST_F(ShmArena, a_loan_that_timed_out_is_never_seen) {
  auto [sender, receiver] = meet("&arena=256K");
  std::uint64_t sent = 0;
  for (;; ++sent) {
    auto loan = sender.loan(size, Deadline::in(5ms));
    if (!loan) {
      EXPECT_ERRC(Errc::timed_out, loan);
      EXPECT_ERRC(Errc::timed_out, sender.loan(size, Deadline::now()));
      break;
    }
    std::ranges::copy(pattern(size, sent), loan->bytes().begin());
    EXPECT_OK(loan->commit(size, soon()));
  }
  EXPECT_EQ(sent, (256U << 10) / block_size(size));
  EXPECT_OK(sender.send("after it", soon()));
  for (std::uint64_t i = 0; i < sent; ++i)
    EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), i));
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "after it");
  lend(sender, size, 1);
  EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), 1));
}

TEST_F(ShmArena, a_sender_that_waits_for_a_block_is_never_forgotten) {
  constexpr std::uint64_t rounds = 20'000;
  auto [sender, receiver] = meet("&arena=128K&wait=block");
  std::atomic<std::uint64_t> sent = 0;
  std::jthread sending([&, &channel = sender] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      Loan loan = value_of(channel.loan(size, soon()));
      ASSERT_OK(loan.commit(size, soon()));
      sent.store(i + 1, std::memory_order_release);
    }
  });
  std::mt19937_64 random(1);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    // The arena has two: the third is waited for while we have released none.
    while (sent.load(std::memory_order_acquire) < std::min(i + 2, rounds) && !HasFailure()) os::cpu_pause();
    ASSERT_FALSE(HasFailure()) << "forgotten at message " << i;
    for (std::uint64_t turns = random() % 200; turns > 0; --turns) os::cpu_pause();
    ASSERT_OK(receiver.borrow(soon()));
  }
}

TEST_F(ShmArena, messages_are_released_in_any_thread_and_order) {
  auto [sender, receiver] = meet("&arena=1M");
  constexpr std::uint64_t count = 3000;
  std::jthread sending([&, &channel = sender] {
    for (std::uint64_t i = 0; i < count; ++i) lend(channel, size, i);
  });
  std::mt19937_64 random(1);
  std::array<std::vector<Message>, 2> held;
  std::vector<std::future<void>> releasing;
  for (std::uint64_t i = 0; i < count; ++i) {
    Message message = value_of(receiver.borrow(soon()));
    ASSERT_TRUE(is_pattern(message.bytes(), i));
    auto& some = held[random() % 2];
    some.push_back(std::move(message));
    if (some.size() < 1 + random() % 6) continue;
    releasing.push_back(std::async(std::launch::async, [mine = std::move(some)]() mutable {
      while (!mine.empty()) mine.pop_back();
    }));
    some.clear();
    if (releasing.size() > 4) releasing.erase(releasing.begin());
  }
}

TEST_F(ShmArena, a_message_outlives_both_ends) {
  std::vector<Message> held;
  {
    auto [sender, receiver] = meet();
    for (std::uint64_t i = 0; i < 3; ++i) lend(sender, size, i);
    for (int i = 0; i < 3; ++i) held.push_back(value_of(receiver.borrow(soon())));
    held.erase(held.begin() + 1);
    EXPECT_OK(sender.close());
    EXPECT_ERRC(Errc::closed, receiver.borrow(soon()));
    EXPECT_OK(receiver.close());
  }
  EXPECT_EQ(blocks_mapped(), 2u);
  EXPECT_TRUE(is_pattern(held[0].bytes(), 0));
  EXPECT_TRUE(is_pattern(held[1].bytes(), 2));
  const std::jthread elsewhere([&] { held.clear(); });
}

TEST_F(ShmArena, is_left_with_nothing_when_all_is_over) {
  {
    auto [sender, receiver] = meet();
    for (std::uint64_t i = 0; i < 3; ++i) lend(sender, size, i);
    EXPECT_OK(receiver.borrow(soon()));
  }
  EXPECT_EQ(blocks_mapped(), 0u);
}

TEST_F(ShmArena, small_blocks_make_room_for_large_ones) {
  auto [sender, receiver] = meet("&arena=1M");
  for (std::uint64_t i = 0; i < 12; ++i) lend(sender, 60'000, i);
  for (std::uint64_t i = 0; i < 12; ++i)
    EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), i));
  EXPECT_EQ(blocks_mapped(), 24u);
  const std::size_t large = 900'000;
  lend(sender, large, 1);
  EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), 1));
  EXPECT_EQ(blocks_mapped(), 6u);  // beside it, two small ones fit
  for (std::uint64_t i = 0; i < 3; ++i) {
    lend(sender, 500'000 + 100'000 * i, i);
    EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), i));
  }
}

TEST_F(ShmArena, a_loan_beyond_the_arena_goes_in_parts) {
  for (const auto& [ours, theirs] : {std::pair("&arena=0", ""), {"", "&arena=0"}, {"&arena=200K", ""}}) {
    auto [sender, receiver] = meet(ours, theirs);
    const std::jthread sending([&, &channel = sender] { lend(channel, 300'000, 1); });
    EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), 1));
    EXPECT_EQ(blocks_mapped(), 0u);
  }
}

TEST_F(ShmArena, what_a_killed_sender_had_lent_is_received_and_stays) {
  Listener listener = value_of(listen(address()));
  ChildProcess victim([&] {
    Channel channel = value_of(connect(address(), {.deadline = soon()}));
    for (std::uint64_t i = 0; i < 4; ++i) lend(channel, size, i);
    static_cast<void>(value_of(channel.loan(size)).bytes().front());
    return ::raise(SIGKILL);
  });
  Channel receiver = value_of(listener.accept(soon()));
  std::vector<Message> held;
  held.push_back(value_of(receiver.borrow(soon())));
  EXPECT_EQ(victim.wait(), -SIGKILL);
  for (int i = 0; i < 3; ++i) held.push_back(value_of(receiver.borrow(soon())));
  EXPECT_ERRC(Errc::peer_died, receiver.borrow(soon()));
  for (std::uint64_t i = 0; i < 4; ++i) EXPECT_TRUE(is_pattern(held[i].bytes(), i));
}

TEST_F(ShmArena, who_waits_for_a_block_of_a_killed_receiver_is_told) {
  for (const std::string wait : {"&wait=block", "&wait=spin"}) {
    Listener listener = value_of(listen(address("&arena=128K" + wait)));
    ChildProcess victim([&] {
      Channel channel = value_of(connect(address(), {.deadline = soon()}));
      const Message held = value_of(channel.borrow(soon()));
      return ::raise(SIGKILL);
    });
    Channel sender = value_of(listener.accept(soon()));
    Result<Loan> loan;
    while ((loan = sender.loan(size, soon()))) {
      if (!loan->commit(size, soon())) break;
    }
    EXPECT_ERRC(Errc::peer_died, sender.loan(size, soon()));
    EXPECT_EQ(victim.wait(), -SIGKILL);
  }
}

TEST(BlockSize, is_at_most_a_quarter_more_and_serves_all_that_are_not_smaller) {
  std::mt19937_64 random(1);
  for (int i = 0; i < 100'000; ++i) {
    const std::uint64_t wanted = random() >> (24 + random() % 40);
    const std::uint64_t rounded = block_size(wanted);
    EXPECT_GE(rounded, wanted);
    EXPECT_EQ(rounded % 4096, 0u);
    EXPECT_LE(rounded, std::max<std::uint64_t>(64 << 10, wanted + wanted / 4));
    EXPECT_EQ(block_size(rounded), rounded);
  }
  EXPECT_EQ(block_size(1 << 30), 1U << 30);
}

}  // namespace
}  // namespace tenon
