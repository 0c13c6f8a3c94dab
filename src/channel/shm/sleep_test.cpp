// Whoever goes to sleep is woken, however close to it the other acts (docs/ring.md). Each test aims at the moment
// between a wish and its sleep: the other acts a few instructions after the last sign of life.
#include <array>
#include <atomic>
#include <future>
#include <random>

#include "channel/shm/peer_test.hpp"
#include "os/pause.hpp"

namespace tenon {
namespace {

using namespace test;

constexpr std::uint64_t rounds = 50'000;

void pause_for(std::uint64_t turns) {
  for (std::uint64_t i = 0; i < turns; ++i) os::cpu_pause();
}

class ShmSleep : public testing::Test {
 protected:
  std::pair<Channel, Channel> meet(const std::string& options) {
    const std::string address = "shm:" + folder_ / "s?wait=block" + options;
    Listener listener = value_of(listen(address));
    auto connected = std::async(std::launch::async, [&] { return connect(address, {.deadline = soon()}); });
    Channel accepted = value_of(listener.accept(soon()));
    return {value_of(connected.get()), std::move(accepted)};
  }

  TemporaryFolder folder_;
};

TEST_F(ShmSleep, a_receiver_is_never_forgotten) {
  auto [sender, receiver] = meet("");
  std::atomic<std::uint64_t> seen = 0;
  std::jthread receiving([&, &channel = receiver] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      ASSERT_OK(channel.borrow(soon()));
      seen.store(i + 1, std::memory_order_release);
    }
  });
  std::mt19937_64 random(1);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    ASSERT_OK(sender.send("x", soon()));
    while (seen.load(std::memory_order_acquire) <= i && !HasFailure()) os::cpu_pause();
    ASSERT_FALSE(HasFailure()) << "forgotten at message " << i;
    pause_for(random() % 200);
  }
}

TEST_F(ShmSleep, a_sender_that_waits_for_room_is_never_forgotten) {
  auto [sender, receiver] = meet("&capacity=4K");
  const auto message = pattern(1900, 1);
  std::array<std::byte, 2000> buffer;
  std::atomic<std::uint64_t> sent = 0;
  std::jthread sending([&, &channel = sender] {
    for (std::uint64_t i = 0; i < rounds; ++i) {
      ASSERT_OK(channel.send(message, soon()));
      sent.store(i + 1, std::memory_order_release);
    }
  });
  std::mt19937_64 random(1);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    // The ring holds two: the third is waited for while we have read none.
    while (sent.load(std::memory_order_acquire) < std::min(i + 2, rounds) && !HasFailure()) os::cpu_pause();
    ASSERT_FALSE(HasFailure()) << "forgotten at message " << i;
    pause_for(random() % 200);
    ASSERT_OK(receiver.receive(buffer, soon()));
  }
}

class ShmSleepBesidePeer : public MeetsShmPeer {
 protected:
  ShmSleepBesidePeer() : MeetsShmPeer("&wait=block") {}
};

TEST_F(ShmSleepBesidePeer, whoever_passes_a_skip_gives_the_ring_back_before) {
  std::atomic<std::uint64_t> seen = 0;
  std::jthread receiving([&] {
    Result<Message> held;
    while ((held = channel_.borrow(soon()))) seen.fetch_add(1, std::memory_order_release);
    EXPECT_ERRC(Errc::peer_died, held);
  });
  std::mt19937_64 random(1);
  for (std::uint64_t i = 0; i < rounds; ++i) {
    peer_->write({{shm::RecordKind::message, pattern(100, i)}});
    while (seen.load(std::memory_order_acquire) <= i && !HasFailure()) os::cpu_pause();
    pause_for(random() % (1U << random() % 9));
    peer_->skip(i % 2 == 0 ? 40'000 : 1'000);
    const Deadline until = soon();
    while (peer_->given_back() + 1'500 < peer_->written() && !until.expired()) os::cpu_pause();
    ASSERT_FALSE(until.expired()) << "at message " << i << " the receiver sleeps on the ring";
  }
  peer_.reset();
}

}  // namespace
}  // namespace tenon
