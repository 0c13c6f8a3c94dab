// The kill matrix: each transport, each role, killed with SIGKILL at random moments, from before it begins to
// listen or connect until it is in the middle of sending and receiving. What must hold each time: the survivor
// gets whole messages in order and then peer_died, nothing waits for ever, nothing is left, and the next
// listen() at the same address succeeds.
//
// TENON_KILLS is how often each row and role is killed (1,000 without it). A line with the counts goes to the
// file TENON_KILL_REPORT names a folder for, and to the test's output.
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <random>
#include <thread>
#include <tuple>

#include <tenon/channel.hpp>

#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/meeting.hpp"
#include "support/queue_limit.hpp"

namespace tenon {
namespace {

using namespace test;
using namespace std::chrono_literals;

enum class Role { listener, connector };

/// What every message begins with; the rest is a pattern of it.
struct Stamp {
  std::uint64_t trial;
  std::uint64_t index;
  std::uint64_t seed() const noexcept { return trial * 1'000'003 + index; }
};

std::vector<std::byte> stamped(Stamp stamp, std::uint64_t largest) {
  const std::uint64_t body = stamp.index % 9 == 8 ? 120'000 : stamp.index * 37 % 3000;
  auto message = pattern(sizeof stamp + std::min<std::uint64_t>(body, largest - sizeof stamp), stamp.seed());
  std::memcpy(message.data(), &stamp, sizeof stamp);
  return message;
}

/// Whether every byte is as some stamped() made it.
bool is_whole(ByteView message, Stamp& stamp) {
  if (message.size() < sizeof stamp) return false;
  std::memcpy(&stamp, message.data(), sizeof stamp);
  const auto expected = pattern(message.size(), stamp.seed());
  return std::equal(message.begin() + sizeof stamp, message.end(), expected.begin() + sizeof stamp);
}

/// Checks what arrives: whole, and in order as far as the row promises it.
class Order {
 public:
  explicit Order(const Traits& traits)
      : lossless_(traits.has(Trait::lossless)), survives_(traits.has(Trait::survives_restart)) {}

  bool fits(ByteView message) {
    Stamp stamp{};
    if (!is_whole(message, stamp)) return false;
    const bool next = stamp.trial == last_.trial ? stamp.index == last_.index + 1 : stamp.index == 0;
    // Where unread messages outlive their sender, the first ones may be an earlier trial's.
    const bool goes_on = survives_   ? stamp.trial >= last_.trial
                         : lossless_ ? next
                                     : stamp.index + 1 > last_.index + 1;
    last_ = stamp;
    return goes_on;
  }

 private:
  bool lossless_;
  bool survives_;
  Stamp last_{0, UINT64_MAX};
};

struct Counts {
  int before_they_met = 0;
  int while_talking = 0;
  std::uint64_t messages = 0;
};

int trials() {
  const char* text = std::getenv("TENON_KILLS");
  return text == nullptr ? 1000 : std::atoi(text);
}

class KillMatrix : public testing::TestWithParam<std::tuple<Row, Role>> {
 protected:
  const Row& row() const { return std::get<0>(GetParam()); }
  Role victim_role() const { return std::get<1>(GetParam()); }
  bool has_name() const { return !row().address.empty(); }

  void run_trial(std::uint64_t trial);
  int live(std::uint64_t trial, Meeting* inherited) const;
  void report() const;

  struct Side {
    std::optional<Listener> listener;  ///< lives as long as its channel
    Result<Channel> channel;
  };
  Side open(Role role, Meeting* inherited, Deadline deadline) const;
  Result<Channel> connect_when_there(Deadline deadline) const;
  void survive(Channel& channel, std::uint64_t trial, Canceller& victim_gone);

  QueueTurn turn_{takes_turns(row())};
  TemporaryFolder folder_;
  std::string address_ = address_of(row(), folder_);
  Traits traits_ = traits_of(row());
  std::mt19937_64 random_{std::hash<std::string>{}(row().name)};
  Counts counts_;
};

Result<Channel> KillMatrix::connect_when_there(Deadline deadline) const {
  for (;;) {
    auto channel = connect(address_, {.deadline = deadline});
    if (channel || channel.error().code() != Errc::no_one_there || deadline.expired()) return channel;
    if (deadline.cancelled()) return std::unexpected(Error(Errc::cancelled, "connect"));
  }
}

KillMatrix::Side KillMatrix::open(Role role, Meeting* inherited, Deadline deadline) const {
  if (inherited != nullptr) {
    return {std::nullopt, role == Role::listener ? inherited->first(deadline) : inherited->second(deadline)};
  }
  if (role == Role::connector) return {std::nullopt, connect_when_there(deadline)};
  std::optional<Listener> listener(value_of(listen(address_)));
  auto channel = listener->accept(deadline);
  return {std::move(listener), std::move(channel)};
}

/// What the victim does until it is killed. Returns only when something is wrong.
int KillMatrix::live(std::uint64_t trial, Meeting* inherited) const {
  if (inherited != nullptr)
    victim_role() == Role::listener ? inherited->keep_first() : inherited->keep_second();
  Side side = open(victim_role(), inherited, Deadline::in(60s));
  if (!side.channel) {
    std::fprintf(stderr, "victim: %s\n", side.channel.error().message().c_str());
    ::_exit(5);
  }
  Channel& channel = *side.channel;
  std::jthread sender([&] {
    const auto largest = channel.traits().max_message_size;
    for (std::uint64_t i = 0; channel.send(stamped({trial, i}, largest)); ++i) {
    }
  });
  Order order(traits_);
  for (;;) {
    const auto message = channel.borrow();
    if (!message) {
      std::fprintf(stderr, "victim: %s\n", message.error().message().c_str());
      ::_exit(3);
    }
    if (!order.fits(message->bytes())) {
      std::fprintf(stderr, "victim: a torn message, or one out of order\n");
      ::_exit(4);
    }
  }
}

/// Sends and receives until the victim is gone; everything must end with peer_died.
void KillMatrix::survive(Channel& channel, std::uint64_t trial, Canceller& victim_gone) {
  const bool told = traits_.has(Trait::reports_peer_death);
  const Deadline deadline = told ? Deadline::in(20s) : Deadline::in(20s).unless(victim_gone);
  const auto as_promised = [&](const Error& error) {
    return error.code() == Errc::peer_died || (!told && error.code() == Errc::cancelled);
  };
  std::jthread sender([&] {
    Result<void> sent;
    const auto largest = channel.traits().max_message_size;
    for (std::uint64_t i = 0; sent; ++i) sent = channel.send(stamped({trial, i}, largest), deadline);
    EXPECT_TRUE(as_promised(sent.error())) << "send: " << sent.error().message();
  });
  Order order(traits_);
  Result<Message> message = channel.borrow(deadline);
  for (; message; message = channel.borrow(deadline)) {
    ASSERT_TRUE(order.fits(message->bytes())) << "a torn message, or one out of order";
    ++counts_.messages;
  }
  EXPECT_TRUE(as_promised(message.error())) << "receive: " << message.error().message();
}

void KillMatrix::run_trial(std::uint64_t trial) {
  const auto meeting = has_name() ? nullptr : Meeting::arrange(row());
  const Role survivor_role = victim_role() == Role::listener ? Role::connector : Role::listener;
  Canceller victim_gone = value_of(Canceller::create());
  const Canceller never = value_of(Canceller::create());
  const auto moment = std::chrono::microseconds(random_() % (trial % 3 == 0 ? 600 : 4000));
  ChildProcess victim([&] { return live(trial, meeting.get()); });
  if (meeting) survivor_role == Role::listener ? meeting->keep_first() : meeting->keep_second();
  std::jthread killer([&] {
    static_cast<void>(os::wait_for(never.poll_fd(), os::Wait::readable, Deadline::in(moment)));
    victim.kill(SIGKILL);
    EXPECT_EQ(victim.wait(), -SIGKILL);
    victim_gone.cancel();
  });
  Side side = open(survivor_role, meeting.get(), Deadline::in(20s).unless(victim_gone));
  if (!side.channel) {
    const Errc code = side.channel.error().code();
    EXPECT_TRUE(code == Errc::cancelled || code == Errc::no_one_there) << side.channel.error().message();
    ++counts_.before_they_met;
    return;
  }
  ++counts_.while_talking;
  survive(*side.channel, trial, victim_gone);
}

void KillMatrix::report() const {
  char line[200];
  std::snprintf(line, sizeof line, "%-16s %-9s %6d %16d %14d %12llu\n", row().name.c_str(),
                victim_role() == Role::listener ? "listener" : "connector",
                counts_.before_they_met + counts_.while_talking, counts_.before_they_met,
                counts_.while_talking, static_cast<unsigned long long>(counts_.messages));
  std::printf("%s", line);
  if (const char* folder = std::getenv("TENON_KILL_REPORT")) {
    std::filesystem::create_directories(folder);
    std::ofstream(std::string(folder) + "/" + row().name + "-" +
                  (victim_role() == Role::listener ? "listener" : "connector"))
        << line;
  }
}

TEST_P(KillMatrix, tears_nothing_hangs_nowhere_and_leaves_nothing) {
  for (int trial = 1; trial <= trials() && !HasFailure(); ++trial)
    run_trial(static_cast<std::uint64_t>(trial));
  if (has_name()) {
    // The last one may have died as a listener: its name is taken over, and gone with its successor.
    EXPECT_OK(listen(address_));
    EXPECT_TRUE(traits_.has(Trait::survives_restart) || folder_.empty());
  }
  report();
}

std::string cell_name(const testing::TestParamInfo<std::tuple<Row, Role>>& info) {
  return std::get<0>(info.param).name +
         (std::get<1>(info.param) == Role::listener ? "_listener" : "_connector");
}

INSTANTIATE_TEST_SUITE_P(, KillMatrix,
                         testing::Combine(testing::ValuesIn(rows()),
                                          testing::Values(Role::listener, Role::connector)),
                         cell_name);

}  // namespace
}  // namespace tenon
