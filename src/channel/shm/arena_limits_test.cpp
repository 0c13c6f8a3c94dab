// Blocks where descriptors or memory have run out: what goes on without them, and what is said.
#include <sys/resource.h>
#include <unistd.h>
#include <csignal>

#include "channel/shm/arena_test.hpp"
#include "channel/shm/peer_test.hpp"

namespace tenon {
namespace {

using namespace test;

using ShmArenaLimits = ShmArena;
using ArenaLimitsBesidePeer = MeetsShmPeer;

/// Lets this process have no more descriptors than it has, for as long as this lives.
class DescriptorLimit {
 public:
  DescriptorLimit() {
    ::getrlimit(RLIMIT_NOFILE, &before_);
    const os::Fd next(::dup(0));
    const rlimit less{static_cast<rlim_t>(next.get()), before_.rlim_max};
    EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &less), 0);
  }
  DescriptorLimit(const DescriptorLimit&) = delete;
  DescriptorLimit& operator=(const DescriptorLimit&) = delete;
  ~DescriptorLimit() { ::setrlimit(RLIMIT_NOFILE, &before_); }

 private:
  rlimit before_{};
};

TEST_F(ShmArenaLimits, a_sender_without_descriptors_sends_in_parts) {
  auto [sender, receiver] = meet();
  const DescriptorLimit none;
  const std::jthread sending([&, &channel = sender] { lend(channel, size, 1); });
  EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), 1));
}

TEST_F(ShmArenaLimits, a_receiver_without_descriptors_says_so_and_loses_nothing) {
  auto [sender, receiver] = meet();
  EXPECT_OK(sender.send("before"));
  for (std::uint64_t i = 0; i < 2; ++i) lend(sender, size, i);
  EXPECT_OK(sender.send("after"));
  {
    const DescriptorLimit none;
    EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "before");
    for (int i = 0; i < 3; ++i) {
      const auto message = receiver.borrow(soon());
      ASSERT_TRUE(is_error(Errc::resource_limit, message));
      EXPECT_THAT(message.error().message(), testing::HasSubstr("ulimit -n"));
    }
  }
  for (std::uint64_t i = 0; i < 2; ++i) EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), i));
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "after");
}

TEST_F(ShmArenaLimits, a_receiver_without_descriptors_is_told_of_a_death) {
  Listener listener = value_of(listen(address()));
  ChildProcess victim([&] {
    Channel channel = value_of(connect(address(), {.deadline = soon()}));
    lend(channel, size, 1);
    return ::raise(SIGKILL);
  });
  Channel receiver = value_of(listener.accept(soon()));
  EXPECT_EQ(victim.wait(), -SIGKILL);
  {
    const DescriptorLimit none;
    EXPECT_ERRC(Errc::resource_limit, receiver.borrow(soon()));
  }
  EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), 1));
  EXPECT_ERRC(Errc::peer_died, receiver.borrow(soon()));
}

TEST_F(ShmArenaLimits, huge_pages_are_used_or_refused) {
  EXPECT_ERRC(Errc::invalid_argument, listen(address("&huge-pages=maybe")));
  const auto allowed = os::Memfd::huge_pages_allowed();
  if (!allowed) {
    const auto refused = listen(address("&huge-pages=yes"));
    ASSERT_TRUE(is_error(Errc::unsupported, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr(allowed.error().advice()));
  }
  auto [sender, receiver] = meet(allowed ? "&huge-pages=yes" : "&huge-pages=no");
  for (std::uint64_t i = 0; i < 3; ++i) {
    lend(sender, 5'000'000, i);
    EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), i));
  }
}

TEST_F(ArenaLimitsBesidePeer, a_death_is_seen_behind_a_descriptor_that_cannot_be_taken) {
  peer_->pass(STDIN_FILENO);
  peer_.reset();
  const DescriptorLimit none;
  EXPECT_ERRC(Errc::peer_died, channel_.borrow(soon()));
}

TEST_F(ShmArenaLimits, a_sender_without_memory_is_told_before_it_writes) {
  Listener listener = value_of(listen(address()));
  ChildProcess poor([&] {
    Channel channel = value_of(connect(address(), {.deadline = soon()}));
    const rlimit little{1 << 20, 1 << 20};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &little), 0);
    const auto loan = channel.loan(2 << 20, soon());
    EXPECT_TRUE(is_error(Errc::resource_limit, loan));
    EXPECT_THAT(loan.error().message(), testing::HasSubstr("ulimit -f"));
    lend(channel, size, 1);
    EXPECT_OK(channel.send(pattern(2 << 20, 2), soon()));
    return testing::Test::HasFailure() ? 1 : 0;
  });
  Channel receiver = value_of(listener.accept(soon()));
  for (std::uint64_t i = 1; i <= 2; ++i)
    EXPECT_TRUE(is_pattern(value_of(receiver.borrow(soon())).bytes(), i));
  EXPECT_EQ(poor.wait(), 0);
}

}  // namespace
}  // namespace tenon
