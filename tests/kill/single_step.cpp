// Killed after every instruction: one side of a channel in shared memory, or in files, is traced through one call of
// the library, instruction by instruction (ptrace(2)), and killed with SIGKILL after so many of them. What must hold each time:
// the survivor has every message whose send had returned, whole and in order, of the one in the making all or
// nothing, and then peer_died; nothing waits for ever, and the next channel is as any other.
//
// TENON_STEPS is at how many points, spread over all rows and calls (10,000 without it). A line with the
// counts goes to the test's output and to a file in the folder that TENON_STEP_REPORT names.
#include <sys/ptrace.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <optional>
#include <random>
#include <span>
#include <thread>
#include <tuple>

#include <tenon/channel.hpp>

#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/meeting.hpp"

namespace tenon {
namespace {

using namespace test;
using namespace std::chrono_literals;

Deadline soon() {
  return Deadline::in(20s);
}

/// One call that the victim is killed in. It is to make few instructions of its own: false when it failed.
struct Call {
  std::string name;
  bool sends;        ///< rather than receives
  int messages;      ///< that it moves
  std::size_t size;  ///< of each
  bool (*make)(Channel&, std::span<const ByteView> messages);
  bool closes = false;
  bool in_parts = false;  ///< what is longer than a record may be, not in blocks
};

bool send(Channel& channel, std::span<const ByteView> messages) {
  return channel.send(messages.front()).has_value();
}

bool send_many(Channel& channel, std::span<const ByteView> messages) {
  return channel.send_many(messages) == messages.size();
}

bool commit(Channel& channel, std::span<const ByteView> messages) {
  auto loan = channel.loan(2 * messages.front().size());
  if (!loan) return false;
  std::memcpy(loan->bytes().data(), messages.front().data(), messages.front().size());
  return std::move(*loan).commit(messages.front().size()).has_value();
}

bool finish(Channel& channel, std::span<const ByteView>) {
  return channel.finish().has_value();
}

bool close(Channel& channel, std::span<const ByteView>) {
  return channel.close().has_value();
}

bool receive(Channel& channel, std::span<const ByteView> messages) {
  std::array<std::byte, 1000> buffer;
  return channel.receive(buffer, Deadline::now()) == messages.front().size();
}

bool borrow(Channel& channel, std::span<const ByteView>) {
  return channel.borrow(Deadline::now()).has_value();
}

bool borrow_many(Channel& channel, std::span<const ByteView> messages) {
  std::array<Message, 8> room;
  return channel.borrow_many(room, Deadline::now()) == messages.size();
}

bool poll(Channel& channel, std::span<const ByteView>) {
  return channel.poll_fd().has_value();
}

/// In a ring of 8 KiB: what takes parts takes two.
const std::array calls{
    Call{"send", true, 1, 50, send},
    Call{"send_of_several_lines", true, 1, 700, send},
    Call{"send_in_parts", true, 1, 4100, send, false, true},
    Call{"send_beyond_ring", true, 1, 4100, send},
    Call{"send_many", true, 6, 90, send_many},
    Call{"commit", true, 1, 200, commit},
    Call{"commit_beyond_ring", true, 1, 4100, commit},
    Call{"finish", true, 0, 0, finish, true},
    Call{"close", true, 0, 0, close, true},
    Call{"receive", false, 1, 700, receive},
    Call{"borrow", false, 1, 1500, borrow},
    Call{"borrow_of_parts", false, 1, 4100, borrow, false, true},
    Call{"borrow_beyond_ring", false, 1, 4100, borrow},
    Call{"borrow_many", false, 6, 200, borrow_many},
    Call{"poll", false, 1, 100, poll},
};

/// A process that is stopped, and goes on by single instructions.
class Traced {
 public:
  explicit Traced(ChildProcess& process) : process_(&process) { stopped_ = wait() == SIGSTOP; }
  bool stopped() const noexcept { return stopped_; }

  /// Runs `count` instructions; how many it were until the call was over.
  std::uint64_t step(std::uint64_t count) {
    for (std::uint64_t done = 0; done < count; ++done) {
      if (::ptrace(PTRACE_SINGLESTEP, process_->pid(), nullptr, nullptr) != 0) return done;
      if (wait() != SIGTRAP) {
        over_ = true;
        return done;
      }
    }
    return count;
  }
  /// Whether the call has returned.
  bool over() const noexcept { return over_; }

  /// To be called in the process itself: around the call.
  static void begin() {
    ::ptrace(PTRACE_TRACEME, 0, nullptr, nullptr);
    ::raise(SIGSTOP);
  }
  static void end() { ::raise(SIGSTOP); }

 private:
  int wait() const {
    int status = 0;
    if (::waitpid(process_->pid(), &status, 0) < 0 || !WIFSTOPPED(status)) return 0;
    return WSTOPSIG(status);
  }

  ChildProcess* process_;
  bool stopped_ = false;
  bool over_ = false;
};

std::uint64_t points_in_all() {
  const char* text = std::getenv("TENON_STEPS");
  return text == nullptr ? 10'000 : std::strtoull(text, nullptr, 10);
}

/// The rows of memory that others see, each once: a socket pair leads to the same ring as a name does. And the one
/// whose positions are stored into a file.
std::vector<Row> rows_in_memory() {
  std::vector<Row> found;
  for (const Row& row : rows()) {
    if ((traits_of(row).has(Trait::zero_copy) || row.name == "file") && !row.address.empty() &&
        !row.address.contains('?'))
      found.push_back(row);
  }
  return found;
}

class SingleStep : public testing::TestWithParam<std::tuple<Row, Call>> {
 protected:
  const Row& row() const { return std::get<0>(GetParam()); }
  const Call& call() const { return std::get<1>(GetParam()); }

  /// Kills the victim after `steps` instructions; how many it made, fewer when the call was over before.
  std::uint64_t kill_after(std::uint64_t steps);
  void exchange_before(Channel& channel, bool sending) const;
  struct Received {
    std::uint64_t count = 0;
    Errc end{};
  };
  Received receive_all(Channel& survivor) const;
  void judge(const Received& received, bool over) const;
  void check_end(Channel& survivor) const;
  void report(std::uint64_t instructions, std::uint64_t points) const;

  void check_next_session(const std::string& address) const;

  std::mt19937_64 random_{1};
  std::uint64_t before_ = 0;  ///< messages that move the ring on, so that the call is made anywhere in it
};

void SingleStep::exchange_before(Channel& channel, bool sending) const {
  for (std::uint64_t i = 0; i < before_; ++i) {
    const std::size_t size = i * 37 % 700;
    if (sending) {
      ASSERT_OK(channel.send(pattern(size, i), soon()));
    } else {
      const auto message = channel.borrow(soon());
      ASSERT_OK(message);
      ASSERT_TRUE(message->size() == size && is_pattern(message->bytes(), i));
    }
  }
}

/// Everything up to the end: whole, and in order.
SingleStep::Received SingleStep::receive_all(Channel& survivor) const {
  Received all;
  Result<Message> message = survivor.borrow(soon());
  for (; message; message = survivor.borrow(soon()), ++all.count) {
    EXPECT_TRUE(message->size() == call().size && is_pattern(message->bytes(), before_ + all.count));
  }
  all.end = message.error().code();
  return all;
}

/// Of a call that was over everything, of another all or nothing, or some of many; and then how it ended.
void SingleStep::judge(const Received& received, bool over) const {
  const auto all = static_cast<std::uint64_t>(call().messages);
  EXPECT_TRUE(received.count <= all && (!over || received.count == all)) << received.count << " of " << all;
  const bool may_be_closed = call().closes && (over || received.end == Errc::closed);
  EXPECT_EQ(received.end, may_be_closed ? Errc::closed : Errc::peer_died);
}

/// A sender whose receiver died is told, however full the ring is.
void SingleStep::check_end(Channel& survivor) const {
  EXPECT_ERRC(Errc::peer_died, survivor.borrow(soon()));
  Result<void> sent;
  while (sent) sent = survivor.send(pattern(500, 1), soon());
  EXPECT_TRUE(is_error(Errc::peer_died, sent));
}

/// Where messages outlive their reader, the next one gets those that it had not dealt with: a few or none of the
/// call's, up to the last of them.
void SingleStep::check_next_session(const std::string& address) const {
  Listener listener = value_of(listen(address));
  std::jthread next([&] {
    Channel channel = value_of(connect(address, {.deadline = soon()}));
    const std::uint64_t end = before_ + static_cast<std::uint64_t>(call().messages);
    std::optional<std::uint64_t> number;
    for (auto message = channel.borrow(soon()); message; message = channel.borrow(soon())) {
      if (message->text() == "the next session") {
        EXPECT_EQ(number.value_or(end), end);
        return;
      }
      while (!number || (*number < end && !is_pattern(message->bytes(), *number)))
        number = number ? *number + 1 : 0;
      EXPECT_LT(*number, end) << "a message that nobody sent";
      ++*number;
    }
    ADD_FAILURE() << "the next session has ended";
  });
  Channel channel = value_of(listener.accept(soon()));
  EXPECT_OK(channel.send("the next session", soon()));
  EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
}

std::uint64_t SingleStep::kill_after(std::uint64_t steps) {
  before_ = random_() % 24;
  const TemporaryFolder folder;
  const bool no_blocks = call().in_parts && row().scheme == "shm";
  const std::string address = address_of(row(), folder,
                                         no_blocks                ? "capacity=8K&arena=0"
                                         : row().scheme == "file" ? "capacity=64K"
                                                                  : "capacity=8K");
  std::optional<Listener> listener = value_of(listen(address));
  ChildProcess victim([&] {
    Channel channel = value_of(connect(address, {.deadline = soon()}));
    exchange_before(channel, call().sends);
    std::vector<std::vector<std::byte>> messages;
    for (int i = 0; i < call().messages; ++i)
      messages.push_back(pattern(call().size, before_ + static_cast<std::uint64_t>(i)));
    const std::vector<ByteView> views(messages.begin(), messages.end());
    Traced::begin();
    if (!call().make(channel, views)) return 1;
    Traced::end();
    return 0;
  });
  std::optional<Channel> survivor = value_of(listener->accept(soon()));
  exchange_before(*survivor, !call().sends);
  Traced traced(victim);
  EXPECT_TRUE(traced.stopped());
  for (int i = 0; i < call().messages && !call().sends; ++i)
    EXPECT_OK(survivor->send(pattern(call().size, before_ + static_cast<std::uint64_t>(i)), soon()));
  Received received;
  std::jthread receiver;
  // Half of the receivers wait while it happens, the others come when it is over.
  if (call().sends && random_() % 2 == 0) receiver = std::jthread([&] { received = receive_all(*survivor); });
  const std::uint64_t made = traced.step(steps);
  victim.kill(SIGKILL);
  EXPECT_EQ(victim.wait(), -SIGKILL);
  if (!call().sends) {
    if (!traits_of(row()).has(Trait::survives_restart)) {
      check_end(*survivor);
      return made;
    }
    EXPECT_ERRC(Errc::peer_died, survivor->borrow(soon()));
    survivor.reset();
    listener.reset();
    check_next_session(address);
    return made;
  }
  if (receiver.joinable()) {
    receiver.join();
  } else {
    received = receive_all(*survivor);
  }
  judge(received, traced.over());
  return made;
}

void SingleStep::report(std::uint64_t instructions, std::uint64_t points) const {
  char line[200];
  std::snprintf(line, sizeof line, "%-10s %-22s %12llu %8llu\n", row().name.c_str(), call().name.c_str(),
                static_cast<unsigned long long>(instructions), static_cast<unsigned long long>(points));
  std::printf("%s", line);
  if (const char* folder = std::getenv("TENON_STEP_REPORT")) {
    std::filesystem::create_directories(folder);
    std::ofstream(std::string(folder) + "/" + row().name + "-" + call().name) << line;
  }
}

TEST_P(SingleStep, a_victim_of_any_instruction_leaves_whole_messages_and_is_told_of) {
  const std::uint64_t all = kill_after(UINT64_MAX);
  const std::uint64_t share =
      row().scheme == "file" ? 4 : 1;  // most of its time is the system's, not its steps'
  const std::uint64_t points = points_in_all() / (rows_in_memory().size() * calls.size() * share) + 1;
  for (std::uint64_t i = 0; i < points && !HasFailure(); ++i) {
    const std::uint64_t steps = all * i / points + random_() % (all / points + 1);
    kill_after(steps);
    if (HasFailure()) ADD_FAILURE() << "killed after " << steps << " of " << all << " instructions";
  }
  report(all, points);
}

INSTANTIATE_TEST_SUITE_P(, SingleStep,
                         testing::Combine(testing::ValuesIn(rows_in_memory()), testing::ValuesIn(calls)),
                         [](const auto& tested) {
                           return std::get<0>(tested.param).name + "_" + std::get<1>(tested.param).name;
                         });

}  // namespace
}  // namespace tenon
