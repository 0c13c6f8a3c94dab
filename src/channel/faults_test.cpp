// What a channel does when the system fails it: every system call and every allocation of a conversation, one
// by one.
#include <fcntl.h>
#include <array>
#include <cerrno>

#include "channel/conformance_test.hpp"
#include "support/faults.hpp"

namespace tenon {
namespace {

using namespace test;

int count_descriptors() {
  int count = 0;
  for (int fd = 0; fd < 256; ++fd) count += ::fcntl(fd, F_GETFD) != -1 ? 1 : 0;
  return count;
}

/// A conversation of one side, with everything in it; the other side echoes and tolerates what comes.
Result<void> converse(Result<Channel> opened) {
  if (!opened) return std::unexpected(opened.error());
  Channel& channel = *opened;
  const auto deadline = Deadline::in(5s);
  if (auto fd = channel.poll_fd(); !fd) return std::unexpected(fd.error());
  std::array<std::byte, 64> buffer;
  const auto large = std::min<std::uint64_t>(200'000, channel.traits().max_message_size);
  for (const std::size_t size : {std::size_t{10}, std::size_t{large}}) {
    const auto payload = pattern(size, size);
    for (const bool in_place : {false, true}) {
      Result<void> sent;
      if (in_place) {
        auto loan = channel.loan(size, deadline);
        if (!loan) return std::unexpected(loan.error());
        std::ranges::copy(payload, loan->bytes().begin());
        sent = loan->commit(size, deadline);
      } else {
        sent = channel.send(payload, deadline);
      }
      if (!sent) return sent;
      auto back = channel.borrow(deadline);
      if (!back) return std::unexpected(back.error());
      if (!is_pattern(back->bytes(), size)) return std::unexpected(Error(Errc::system_error, "compare"));
    }
  }
  if (auto sent = channel.send("short", deadline); !sent) return sent;
  if (auto got = channel.receive(buffer, deadline); !got) return std::unexpected(got.error());
  return channel.close(deadline);
}

void echo(Meeting& meeting, bool second, Canceller& given_up) {
  const Deadline deadline = Deadline::in(10s).unless(given_up);
  auto channel = second ? meeting.second(deadline) : meeting.first(deadline);
  if (!channel) return given_up.cancel();  // the other side need not wait for us
  Result<Message> message = channel->borrow(deadline);
  while (message && channel->send(message->bytes(), deadline)) message = channel->borrow(deadline);
  if (message || message.error().code() != Errc::closed) given_up.cancel();
}

/// Runs the conversation with one fault, in each role; returns whether the fault happened.
template <typename Arm>
bool run_with_fault(const Row& row, bool second, Arm arm, bool must_succeed, const std::string& what) {
  const auto meeting = Meeting::arrange(row, row.few_calls);
  Canceller given_up = value_of(Canceller::create());
  std::jthread other([&] { echo(*meeting, !second, given_up); });
  const Deadline deadline = soon().unless(given_up);
  bool happened = false;
  Result<void> result;
  {
    const Faults fault = arm();
    result = converse(second ? meeting->second(deadline) : meeting->first(deadline));
    happened = fault.happened();
  }
  given_up.cancel();
  if (must_succeed || !happened) {
    EXPECT_TRUE(is_ok(result)) << what;
  } else if (!result) {
    EXPECT_FALSE(result.error().message().empty()) << what;
    EXPECT_NE(result.error().operation(), "compare") << what << ": wrong data";
  }
  return happened;
}

CONFORMANCE_SUITE(Faults_Of_The_System);

TEST_P(Faults_Of_The_System, in_each_call_are_clean_errors_without_a_leak) {
  const int descriptors = count_descriptors();
  for (const int error : {EMFILE, ENOMEM, EIO, EINTR}) {
    for (const bool second : {false, true}) {
      bool happened = true;
      for (int number = 1; happened; ++number) {
        ASSERT_LT(number, 1000);
        const std::string what = "call " + std::to_string(number) + " errno " + std::to_string(error);
        happened = run_with_fault(
            GetParam(), second, [&] { return Faults::in_call(number, error); }, error == EINTR, what);
        ASSERT_EQ(count_descriptors(), descriptors) << what;
      }
    }
  }
}

TEST_P(Faults_Of_The_System, that_stay_are_clean_errors_too) {
  const int descriptors = count_descriptors();
  for (const bool second : {false, true}) {
    for (int number = 1; number < 40; number += 3) {
      run_with_fault(
          GetParam(), second, [&] { return Faults::in_call(number, ENOMEM, true); }, false,
          std::to_string(number));
      ASSERT_EQ(count_descriptors(), descriptors) << number;
    }
  }
}

TEST_P(Faults_Of_The_System, in_each_allocation_are_clean_errors_without_a_leak) {
  const int descriptors = count_descriptors();
  for (const bool second : {false, true}) {
    bool happened = true;
    for (int number = 1; happened; ++number) {
      ASSERT_LT(number, 500);
      try {
        happened = run_with_fault(
            GetParam(), second, [&] { return Faults::in_allocation(number); }, false,
            "allocation " + std::to_string(number));
      } catch (const std::bad_alloc&) {  // one of the test's own
      }
      ASSERT_EQ(count_descriptors(), descriptors) << number;
    }
  }
}

TEST_P(Faults_Of_The_System, interruptions_and_short_transfers_change_nothing) {
  if (keeps_packets()) return;  // they are never short
  auto [a, b] = arrange()->both();
  constexpr std::uint64_t count = 20'000;
  const auto size_of = [](std::uint64_t i) { return i % 400 == 0 ? 150'000 : i % 256; };
  std::jthread sender([&, &channel = a] {
    const Faults faults = Faults::short_transfers(1, 3);
    for (std::uint64_t i = 0; i < count; ++i) ASSERT_OK(channel.send(pattern(size_of(i), i), soon()));
  });
  const Faults faults = Faults::short_transfers(2, 3);
  for (std::uint64_t i = 0; i < count; ++i) {
    const Message message = value_of(b.borrow(soon()));
    ASSERT_EQ(message.size(), size_of(i));
    ASSERT_TRUE(is_pattern(message.bytes(), i)) << i;
  }
}

}  // namespace
}  // namespace tenon
