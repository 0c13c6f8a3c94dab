// sysv-mq: with frames: the rendezvous under attack, what is left after kill -9, and its limits. What every
// transport promises is in the conformance suite.
#include <sys/msg.h>
#include <unistd.h>
#include <csignal>
#include <fstream>
#include <set>
#include <sstream>

#include <tenon/os/memfd.hpp>
#include <tenon/os/pipe.hpp>
#include <tenon/os/sysv_queue.hpp>
#include <tenon/os/unix_socket.hpp>

#include "channel/conformance_test.hpp"
#include "channel/sysv_mq/opening.hpp"
#include "os/private_queue.hpp"
#include "os/queue_bell.hpp"
#include "support/faults.hpp"

namespace tenon {
namespace {

using namespace test;
using namespace sysv_mq;

bool exists(int id) {
  msqid_ds status{};
  return ::msgctl(id, IPC_STAT, &status) == 0;
}

/// The queues that one of these processes was the last to send to or receive from.
std::vector<int> queues_of(const std::set<int>& pids) {
  std::vector<int> found;
  std::ifstream table("/proc/sysvipc/msg");
  std::string line;
  std::getline(table, line);
  while (std::getline(table, line)) {
    std::istringstream columns(line);
    std::string key, id, mode, bytes, messages;
    int sender = 0, receiver = 0;
    columns >> key >> id >> mode >> bytes >> messages >> sender >> receiver;
    if (pids.contains(sender) || pids.contains(receiver)) found.push_back(std::stoi(id));
  }
  return found;
}

TEST(SysvOpening, is_read_back_and_nothing_else_is) {
  const Opening opening{42, 7, 1U << 30};
  auto bytes = encode(opening);
  const auto decoded = decode(bytes);
  ASSERT_TRUE(decoded.has_value());
  EXPECT_EQ(decoded->project, 42u);
  EXPECT_EQ(decoded->to_taker, 7u);
  EXPECT_EQ(decoded->to_maker, 1u << 30);
  for (std::size_t i = 0; i < bytes.size(); ++i) {
    if (i >= 12 && i < 24) continue;
    bytes[i] ^= std::byte{1};
    EXPECT_FALSE(decode(bytes).has_value()) << i;
    bytes[i] ^= std::byte{1};
  }
}

class SysvDoor : public testing::Test {
 protected:
  std::string address(const std::string& options = {}) const {
    return "sysv-mq:" + folder_ / "q" + "?project=42" + options;
  }
  /// Says `opening` at the door, as any program may, and must be sent away; then somebody else is served.
  void expect_refusal(ByteView opening, std::span<const int> descriptors, const char* what) const {
    Listener listener = value_of(listen(address()));
    auto stranger = value_of(os::UnixSocket::connect(folder_ / "q"));
    EXPECT_OK(stranger.send_with_descriptors(opening, descriptors));
    std::jthread client([&] {
      Channel channel = value_of(connect(address(), {.deadline = soon()}));
      EXPECT_OK(channel.send("served"));
      EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
    });
    {
      Channel channel = value_of(listener.accept(soon()));
      EXPECT_EQ(value_of(channel.borrow(soon())).text(), "served") << what;
    }
    std::array<std::byte, 8> end;
    const auto got = stranger.receive_some(end, soon());
    EXPECT_TRUE(got ? *got == 0 : got.error().code() == Errc::closed) << what;
  }

  TemporaryFolder folder_;
};

TEST_F(SysvDoor, strangers_are_sent_away) {
  const auto page = value_of(os::QueueBell::make_page());
  const auto pipe = value_of(os::Pipe::create());
  const auto unsealed = value_of(os::Memfd::create("unsealed", 4096));
  auto large = value_of(os::Memfd::create("large", 8192));
  EXPECT_OK(large.seal(os::Seals::shrink | os::Seals::grow));
  const int sealed = page.memory.fd().get();
  const std::array<int, 2> two{sealed, sealed};
  const auto with = [&](std::span<const int> descriptors, const char* what) {
    const auto to_taker = value_of(os::PrivateQueue::create(::geteuid(), {}));
    const auto to_maker = value_of(os::PrivateQueue::create(::geteuid(), {}));
    expect_refusal(
        encode({42, static_cast<std::uint32_t>(to_taker.id()), static_cast<std::uint32_t>(to_maker.id())}),
        descriptors, what);
  };
  expect_refusal(pattern(32, 1), {&sealed, 1}, "garbage");
  expect_refusal(ByteView(encode({42, 1, 2})).first(31), {&sealed, 1}, "a part");
  with({}, "no page");
  with(two, "two pages");
  for (const auto& [fd, what] :
       {std::pair{pipe.read_end.get(), "a pipe"}, std::pair{unsealed.fd().get(), "an unsealed page"},
        std::pair{large.fd().get(), "a larger page"}})
    with({&fd, 1}, what);
}

TEST_F(SysvDoor, queues_that_are_not_the_strangers_gift_are_neither_used_nor_removed) {
  const auto page = value_of(os::QueueBell::make_page());
  const std::array<int, 1> sealed{page.memory.fd().get()};
  auto queue = value_of(os::PrivateQueue::create(::geteuid(), {}));
  const auto not_ours = value_of(os::SysvQueue::create(os::SysvKey::make_private()));
  const auto id = static_cast<std::uint32_t>(not_ours.id());
  expect_refusal(encode({42, id, static_cast<std::uint32_t>(queue.id())}), sealed, "another program's queue");
  expect_refusal(encode({42, 0x7fffffff, id}), sealed, "no such queue");
  expect_refusal(encode({41, static_cast<std::uint32_t>(queue.id()), id}), sealed, "another project");
  EXPECT_TRUE(exists(not_ours.id()));
  EXPECT_EQ(value_of(not_ours.status()).messages, 0u);
}

TEST_F(SysvDoor, another_project_is_another_conversation) {
  Listener listener = value_of(listen(address()));
  Canceller refused_by_now = value_of(Canceller::create());
  std::jthread accepting(
      [&] { EXPECT_ERRC(Errc::cancelled, listener.accept(soon().unless(refused_by_now))); });
  const auto refused = connect("sysv-mq:" + folder_ / "q" + "?project=7", {.deadline = soon()});
  EXPECT_TRUE(is_error(Errc::no_one_there, refused));
  refused_by_now.cancel();
}

TEST_F(SysvDoor, a_file_that_others_compute_keys_from_is_left_to_them) {
  std::ofstream(folder_ / "q") << "key";
  for (const auto& refused : {listen(address()).error(), connect(address()).error()})
    EXPECT_THAT(refused.message(), testing::HasSubstr("framing=raw"));
}

// ---- What is left

TEST_F(SysvDoor, queues_of_two_who_were_killed_go_with_the_next_listener) {
  std::set<int> pids;
  {
    ChildProcess server([&] {
      Listener listener = value_of(listen(address()));
      Channel channel = value_of(listener.accept(soon()));
      EXPECT_OK(channel.send("to be lost"));
      return ::pause();
    });
    ChildProcess client([&] {
      Result<Channel> channel = connect(address());
      while (!channel && channel.error().code() == Errc::no_one_there) channel = connect(address());
      EXPECT_OK(channel->send("to be lost"));
      ::raise(SIGKILL);
      return 0;
    });
    pids = {server.pid(), client.pid()};
    EXPECT_EQ(client.wait(), -SIGKILL);
    server.kill(SIGKILL);
    server.wait();
  }
  const auto left = queues_of(pids);
  EXPECT_EQ(left.size(), 2u);
  const TemporaryFolder elsewhere;
  EXPECT_OK(listen("sysv-mq:" + elsewhere / "other"));  // any address does
  for (const int id : left) EXPECT_FALSE(exists(id));
}

TEST_F(SysvDoor, queues_of_the_living_and_of_others_stay) {
  int foreign = -1;
  {
    int pipe_ends[2];
    ASSERT_EQ(::pipe(pipe_ends), 0);
    const os::Fd read_end(pipe_ends[0]), write_end(pipe_ends[1]);
    ChildProcess other([&] {  // another program, that was killed: its queue is not ours to judge
      auto queue = value_of(os::SysvQueue::create(os::SysvKey::make_private()));
      EXPECT_OK(queue.send(1, bytes_of("mine")));
      const int id = queue.id();
      EXPECT_EQ(::write(write_end.get(), &id, sizeof id), static_cast<ssize_t>(sizeof id));
      return ::raise(SIGKILL);
    });
    other.wait();
    ASSERT_EQ(::read(read_end.get(), &foreign, sizeof foreign), static_cast<ssize_t>(sizeof foreign));
  }
  auto [a, b] = Meeting::arrange(*std::ranges::find(rows(), "sysv_mq", &Row::name))->both();
  EXPECT_OK(a.send("before"));
  EXPECT_OK(listen(address()));
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "before");
  EXPECT_OK(b.send("after"));
  EXPECT_EQ(value_of(a.borrow(soon())).text(), "after");
  EXPECT_TRUE(exists(foreign));
  ::msgctl(foreign, IPC_RMID, nullptr);
}

TEST_F(SysvDoor, a_queue_that_a_closing_side_left_goes_when_the_reader_was_killed) {
  Listener listener = value_of(listen(address()));
  ChildProcess client([&] {
    Channel channel = value_of(connect(address(), {.deadline = soon()}));
    EXPECT_OK(channel.send("here"));
    return ::pause();
  });
  const std::set<int> pids{::getpid(), client.pid()};
  {
    Channel channel = value_of(listener.accept(soon()));
    EXPECT_OK(channel.borrow(soon()));
    EXPECT_OK(channel.send("never read"));
  }
  EXPECT_EQ(queues_of(pids).size(), 1u);
  client.kill(SIGKILL);
  client.wait();
  const TemporaryFolder elsewhere;
  EXPECT_OK(listen("sysv-mq:" + elsewhere / "other"));
  EXPECT_TRUE(queues_of(pids).empty());
}

// ---- Limits

TEST_F(SysvDoor, capacity_is_bounded_by_the_machine_and_the_text_says_how) {
  EXPECT_THAT(listen(address("&capacity=1K")).error().message(), testing::HasSubstr("at least 4K"));
  {
    Listener listener = value_of(listen(address("&capacity=4K")));
    std::jthread client([&] {
      Channel channel = value_of(connect(address("&capacity=4K"), {.deadline = soon()}));
      EXPECT_OK(channel.send(pattern(100'000, 1), soon()));
    });
    Channel channel = value_of(listener.accept(soon()));
    EXPECT_TRUE(is_pattern(value_of(channel.borrow(soon())).bytes(), 1));
    EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
  }
  ChildProcess ordinary([&] {
    if (::geteuid() == 0 && ::setresuid(65534, 65534, 65534) != 0) return 1;
    const auto refused = listen("sysv-mq:/tmp/tenon-nobody?capacity=1G");
    EXPECT_TRUE(is_error(Errc::resource_limit, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr("kernel.msgmnb"));
    return 0;
  });
  EXPECT_EQ(ordinary.wait(), 0);
}

TEST_F(SysvDoor, no_more_queues_is_told_with_the_limit) {
  Listener listener = value_of(listen(address()));
  bool told = false;
  for (int number = 1; number < 60 && !told; ++number) {
    const Faults none_left = Faults::in_call(number, ENOSPC, true);
    const auto refused = connect(address(), {.deadline = Deadline::now()});
    told = !refused && refused.error().message().find("kernel.msgmni") != std::string::npos;
  }
  EXPECT_TRUE(told);
}

TEST_F(SysvDoor, options_that_make_no_sense_are_explained) {
  const auto says = [](const std::string& address, std::string_view part) {
    const auto refused = listen(address);
    EXPECT_TRUE(is_error(Errc::invalid_argument, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr(std::string(part)));
  };
  says("sysv-mq:", "name the place");
  says("sysv-mq:@abstract", "name the place");
  says("sysv-mq:/tmp/x?project=0", "1 to 255");
  says("sysv-mq:/tmp/x?project=256", "1 to 255");
  says("sysv-mq:/tmp/x?project=x", "1 to 255");
  says("sysv-mq:/tmp/x?framing=lines", "framing=raw");
}

}  // namespace
}  // namespace tenon
