#include <tenon/process.hpp>

#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <thread>

#include "support/expect.hpp"
#include "support/meeting.hpp"

namespace tenon {
namespace {

using namespace test;
using namespace std::chrono_literals;

Deadline soon() {
  return Deadline::in(20s);
}

class Spawn : public testing::TestWithParam<const char*> {
 protected:
  ChildOptions child(std::string role) const {
    return {.arguments = {TENON_TEST_CHILD, std::move(role)}, .environment = {}, .address = GetParam()};
  }
};
INSTANTIATE_TEST_SUITE_P(, Spawn,
                         testing::Values("pipe:", "unix:", "unix:?type=seqpacket",
                                         "pipe:?capacity=256K&wait=block",
                                         "shm:", "shm:?capacity=8K&wait=block&max-message-size=64M"));

TEST_P(Spawn, gives_the_child_a_channel) {
  Child child = value_of(spawn(this->child("echo")));
  EXPECT_EQ(child.channel.address().to_string(), GetParam());
  for (std::uint64_t i = 0; i < 200; ++i) {
    ASSERT_OK(child.channel.send(pattern(i * i, i), soon()));
    ASSERT_TRUE(is_pattern(value_of(child.channel.borrow(soon())).bytes(), i));
  }
  if (const auto peer = child.channel.peer()) {
    EXPECT_EQ(peer->pid, child.process.pid());
    EXPECT_EQ(peer->uid, ::geteuid());
    EXPECT_EQ(peer->gid, ::getegid());
  }
  EXPECT_OK(child.channel.close());
  EXPECT_TRUE(value_of(child.process.wait(soon())).success());
}

TEST_P(Spawn, sees_the_child_die) {
  Child child = value_of(spawn(this->child("die")));
  EXPECT_ERRC(Errc::peer_died, child.channel.borrow(soon()));
  EXPECT_EQ(value_of(child.process.wait(soon())).signal, SIGKILL);
}

TEST_P(Spawn, says_what_a_child_that_does_not_answer_did_instead) {
  const auto stranger = spawn(this->child("stranger"));
  ASSERT_TRUE(is_error(Errc::peer_died, stranger));
  EXPECT_THAT(stranger.error().message(), testing::HasSubstr("exited with 3"));
  ChildOptions options = this->child("sleeper");
  options.deadline = Deadline::in(50ms);
  const auto sleeper = spawn(options);
  ASSERT_TRUE(is_error(Errc::timed_out, sleeper));
  EXPECT_THAT(sleeper.error().message(), testing::HasSubstr("inherited()"));
}

TEST(SpawnErrors, are_those_of_address_and_program) {
  EXPECT_ERRC(Errc::not_found, spawn({.arguments = {"no-such-program-anywhere"}}));
  EXPECT_ERRC(Errc::invalid_argument, spawn({.arguments = {}}));
  EXPECT_ERRC(Errc::invalid_argument, spawn({.arguments = {"true"}, .address = "pipe:/x"}));
  EXPECT_ERRC(Errc::invalid_argument, spawn({.arguments = {"true"}, .address = "pipe:?colour=red"}));
  EXPECT_ERRC(Errc::invalid_argument, spawn({.arguments = {"true"}, .address = "unix:/nonsense"}));
  EXPECT_ERRC(Errc::unsupported, spawn({.arguments = {"true"}, .address = "fd:3"}));
  ::unsetenv("TENON_CHANNEL");
  EXPECT_ERRC(Errc::not_found, inherited());
}

class OrdinaryPrograms : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, OrdinaryPrograms, testing::Values("pipe:", "unix:"));

TEST_P(OrdinaryPrograms, talk_in_lines) {
  const std::string address = std::string(GetParam()) + "?framing=lines";
  Child child =
      value_of(spawn({.arguments = {"sh", "-c", "while read -r line; do echo \"<$line>\"; done; printf last"},
                      .address = address}));
  EXPECT_OK(child.channel.send("one"));
  EXPECT_EQ(value_of(child.channel.borrow(soon())).text(), "<one>");
  const std::vector<ByteView> more{bytes_of("two"), bytes_of(""), bytes_of("three words here")};
  EXPECT_EQ(value_of(child.channel.send_many(more)), 3u);
  std::array<std::byte, 4> small;
  EXPECT_ERRC(Errc::buffer_too_small, child.channel.receive(small, soon()));
  std::array<Message, 3> answers;
  std::size_t got = 0;
  while (got < 3) got += value_of(child.channel.borrow_many(std::span(answers).subspan(got), soon()));
  EXPECT_EQ(answers[0].text(), "<two>");
  EXPECT_EQ(answers[1].text(), "<>");
  EXPECT_EQ(answers[2].text(), "<three words here>");
  EXPECT_ERRC(Errc::invalid_argument, child.channel.send("two\nlines"));
  EXPECT_OK(child.channel.finish());
  EXPECT_EQ(value_of(child.channel.borrow(soon())).text(), "last");  // a last line without its break
  EXPECT_ERRC(Errc::closed, child.channel.borrow(soon()));
  EXPECT_TRUE(value_of(child.process.wait(soon())).success());
}

TEST_P(OrdinaryPrograms, talk_in_raw_bytes) {
  const std::string address = std::string(GetParam()) + "?framing=raw";
  Child child = value_of(spawn({.arguments = {"cat"}, .address = address}));
  EXPECT_FALSE(child.channel.traits().has(Trait::message_boundaries));
  const auto data = pattern(300'000, 4);
  std::jthread sender([&] {
    EXPECT_OK(child.channel.send(data, soon()));
    EXPECT_OK(child.channel.finish());
  });
  std::vector<std::byte> back;
  while (auto message = child.channel.borrow(soon())) {
    back.insert(back.end(), message->bytes().begin(), message->bytes().end());
  }
  EXPECT_EQ(back, data);
  sender.join();
  EXPECT_TRUE(value_of(child.process.wait(soon())).success());
}

TEST_P(OrdinaryPrograms, make_a_sender_wait_without_losing_or_doubling_a_byte) {
  Child child = value_of(spawn({.arguments = {"sh", "-c", "read -r go; exec cat"},
                                .address = std::string(GetParam()) + "?framing=lines"}));
  std::vector<std::string> sent{"go"};
  ASSERT_OK(child.channel.send(sent[0]));
  for (int i = 0;; ++i) {  // until the pipe is full; a line of which a part has gone counts as sent
    const std::string line = std::to_string(i) + std::string(7000, 'x');
    const auto result = child.channel.send(line, Deadline::in(1ms));
    if (!result) break;
    sent.push_back(line);
    if (sent.size() > 2000) break;
  }
  std::jthread finisher([&] { EXPECT_OK(child.channel.finish(soon())); });
  for (std::size_t i = 1; i < sent.size(); ++i)
    ASSERT_EQ(value_of(child.channel.borrow(soon())).text(), sent[i]);
  EXPECT_ERRC(Errc::closed, child.channel.borrow(soon()));
  finisher.join();
  EXPECT_TRUE(value_of(child.process.wait(soon())).success());
}

TEST(Lines, that_never_end_are_bounded) {
  TemporaryFolder folder;
  const std::string address = "unix:" + folder / "s" + "?framing=lines&max-message-size=64M";
  Listener listener = value_of(listen(address));
  Channel client = value_of(connect("unix:" + folder / "s" + "?framing=raw"));
  std::jthread hostile([&] {
    const std::vector<std::byte> endless(1 << 20, std::byte{'x'});
    while (client.send(endless, soon())) {
    }
  });
  {
    Channel channel = value_of(listener.accept(soon()));
    EXPECT_ERRC(Errc::protocol_violation, channel.borrow(soon()));
  }
}

TEST(Lines, can_be_polled_for) {
  TemporaryFolder folder;
  const std::string address = "unix:" + folder / "s" + "?framing=lines";
  Listener listener = value_of(listen(address));
  Channel client = value_of(connect(address));
  Channel channel = value_of(listener.accept(soon()));
  const int fd = value_of(channel.poll_fd());
  EXPECT_ERRC(Errc::timed_out, os::wait_for(fd, os::Wait::readable, Deadline::now()));
  EXPECT_EQ(value_of(client.send_many(std::vector<ByteView>{bytes_of("a"), bytes_of("b")})), 2u);
  for (const char* text : {"a", "b"}) {
    EXPECT_OK(os::wait_for(fd, os::Wait::readable, soon()));
    EXPECT_EQ(value_of(channel.borrow(Deadline::now())).text(), text);
  }
  EXPECT_ERRC(Errc::timed_out, os::wait_for(fd, os::Wait::readable, Deadline::now()));
}

}  // namespace
}  // namespace tenon
