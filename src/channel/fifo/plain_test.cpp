// fifo: without frames: one named pipe, with the programs that everyone has.
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <filesystem>

#include <tenon/os/fifo.hpp>

#include "channel/conformance_test.hpp"

namespace tenon {
namespace {

using namespace test;

class PlainFifo : public testing::Test {
 protected:
  std::string place() const { return folder_ / "p"; }
  std::string address(const std::string& framing = "lines") const {
    return "fifo:" + place() + "?framing=" + framing;
  }
  /// A shell command on a thread of its own; it must succeed.
  static std::jthread shell(std::string command) {
    return std::jthread([command = std::move(command)] { EXPECT_EQ(std::system(command.c_str()), 0); });
  }
  void make_pipe() const { ASSERT_EQ(::mkfifo(place().c_str(), 0600), 0); }

  TemporaryFolder folder_;
};

TEST_F(PlainFifo, what_echo_writes_is_received_and_then_closed) {
  Listener listener = value_of(listen(address()));
  for (const std::string word : {"hello", "again"}) {
    Channel channel = value_of(listener.accept(soon()));
    const auto echo = shell("echo " + word + " > " + place());
    EXPECT_EQ(value_of(channel.borrow(soon())).text(), word);
    for (int i = 0; i < 2; ++i) EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
  }
}

TEST_F(PlainFifo, cat_reads_what_is_sent) {
  Listener listener = value_of(listen(address()));
  Channel channel = value_of(listener.accept(soon()));
  const auto cat = shell("test \"$(cat " + place() + ")\" = \"$(printf 'one\\ntwo')\"");
  EXPECT_OK(channel.send("one", soon()));
  EXPECT_OK(channel.send("two", soon()));
  EXPECT_OK(channel.close());
}

TEST_F(PlainFifo, a_pipe_that_another_program_made_is_connected_to_and_stays) {
  make_pipe();
  for (const char* const framing : {"lines", "raw"}) {
    Channel sender = value_of(connect(address(framing)));
    Channel receiver = value_of(connect(address(framing)));
    std::jthread sending([&] {
      EXPECT_OK(sender.send("through", soon()));
      EXPECT_OK(sender.close());
    });
    EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "through");
    EXPECT_ERRC(Errc::closed, receiver.borrow(soon()));
  }
  EXPECT_TRUE(std::filesystem::is_fifo(place()));
}

TEST_F(PlainFifo, long_messages_go_through) {
  make_pipe();
  Channel sender = value_of(connect(address("raw")));
  Channel receiver = value_of(connect(address("raw")));
  const auto sent = pattern(3'000'000, 1);
  std::jthread sending([&] {
    EXPECT_OK(sender.send(sent, soon()));
    EXPECT_OK(sender.close());
  });
  std::vector<std::byte> received;
  while (auto part = receiver.borrow(soon()))
    received.insert(received.end(), part->bytes().begin(), part->bytes().end());
  EXPECT_EQ(received, sent);
}

TEST_F(PlainFifo, opening_never_outlasts_the_deadline) {
  make_pipe();
  Channel sender = value_of(connect(address()));
  EXPECT_ERRC(Errc::timed_out, sender.send("x", Deadline::now()));
  const auto late = sender.send("x", Deadline::in(5ms));
  ASSERT_TRUE(is_error(Errc::timed_out, late));
  EXPECT_THAT(late.error().message(), testing::HasSubstr("opened it for reading"));
  Channel receiver = value_of(connect(address()));
  EXPECT_ERRC(Errc::timed_out, receiver.borrow(Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, receiver.borrow(Deadline::in(5ms)));
  EXPECT_OK(sender.send("now", soon()));
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "now");
}

TEST_F(PlainFifo, a_reader_that_vanished_is_closed_and_no_signal) {
  make_pipe();
  Channel sender = value_of(connect(address()));
  {
    Channel receiver = value_of(connect(address()));
    EXPECT_ERRC(Errc::timed_out, receiver.borrow(Deadline::now()));
    EXPECT_OK(sender.send("x", soon()));
  }
  EXPECT_ERRC(Errc::closed, sender.send("x", soon()));
}

TEST_F(PlainFifo, goes_one_way) {
  make_pipe();
  Channel sender = value_of(connect(address()));
  Channel receiver = value_of(connect(address()));
  EXPECT_TRUE(sender.traits().one_way);
  EXPECT_FALSE(sender.traits().has(Trait::many_peers));
  EXPECT_ERRC(Errc::timed_out, receiver.borrow(Deadline::now()));
  EXPECT_OK(sender.send("x", soon()));
  for (int i = 0; i < 2; ++i) {
    const auto refused = sender.borrow(soon());
    ASSERT_TRUE(is_error(Errc::unsupported, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr("second channel"));
    EXPECT_ERRC(Errc::unsupported, receiver.send("back", soon()));
    EXPECT_ERRC(Errc::unsupported, sender.poll_fd());
  }
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "x");
}

TEST_F(PlainFifo, can_be_polled) {
  make_pipe();
  Channel receiver = value_of(connect(address()));
  const int fd = value_of(receiver.poll_fd());
  EXPECT_ERRC(Errc::timed_out, os::wait_for(fd, os::Wait::readable, Deadline::now()));
  Channel sender = value_of(connect(address()));
  EXPECT_OK(sender.send("x", soon()));
  EXPECT_OK(os::wait_for(fd, os::Wait::readable, soon()));
  EXPECT_OK(receiver.borrow(Deadline::now()));
  EXPECT_OK(sender.close());
  EXPECT_OK(os::wait_for(fd, os::Wait::readable, soon()));
  EXPECT_ERRC(Errc::closed, receiver.borrow(Deadline::now()));
}

TEST_F(PlainFifo, a_listener_hands_out_one_channel_at_a_time) {
  Listener listener = value_of(listen(address()));
  const int fd = value_of(listener.poll_fd());
  {
    EXPECT_OK(os::wait_for(fd, os::Wait::readable, soon()));
    const Channel first = value_of(listener.accept(soon()));
    EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
    EXPECT_ERRC(Errc::timed_out, os::wait_for(fd, os::Wait::readable, Deadline::now()));
  }
  EXPECT_OK(os::wait_for(fd, os::Wait::readable, soon()));
  EXPECT_OK(listener.accept(soon()));
}

TEST_F(PlainFifo, what_comes_between_two_channels_is_for_the_second) {
  Listener listener = value_of(listen(address()));
  {
    Channel first = value_of(listener.accept(soon()));
    const auto echo = shell("echo one > " + place());
    EXPECT_EQ(value_of(first.borrow(soon())).text(), "one");
    EXPECT_ERRC(Errc::closed, first.borrow(soon()));
    EXPECT_EQ(std::system(("echo two > " + place()).c_str()), 0);
  }
  EXPECT_EQ(std::system(("echo three > " + place()).c_str()), 0);
  Channel second = value_of(listener.accept(soon()));
  EXPECT_EQ(value_of(second.borrow(soon())).text(), "two");
  EXPECT_EQ(value_of(second.borrow(soon())).text(), "three");
  EXPECT_ERRC(Errc::closed, second.borrow(soon()));
}

TEST_F(PlainFifo, a_channel_that_was_closed_before_the_end_breaks_its_writer) {
  Listener listener = value_of(listen(address()));
  Channel writer = value_of(connect(address()));
  {
    Channel first = value_of(listener.accept(soon()));
    EXPECT_ERRC(Errc::timed_out, first.borrow(Deadline::now()));
    EXPECT_OK(writer.send("one", soon()));
    EXPECT_OK(first.borrow(soon()));
  }
  EXPECT_ERRC(Errc::closed, writer.send("two", soon()));
}

TEST_F(PlainFifo, the_name_is_there_as_long_as_listener_or_channel) {
  std::optional<Listener> listener = value_of(listen(address()));
  Channel channel = value_of(listener->accept(soon()));
  listener.reset();
  EXPECT_TRUE(std::filesystem::is_fifo(place()));
  const auto second = listen(address());
  ASSERT_TRUE(is_error(Errc::address_in_use, second));
  EXPECT_THAT(second.error().message(), testing::HasSubstr(std::to_string(::getpid())));
  EXPECT_ERRC(Errc::address_in_use, listen("fifo:" + place()));
  EXPECT_OK(channel.close());
  EXPECT_TRUE(folder_.empty());
}

TEST_F(PlainFifo, a_program_that_came_before_the_listener_is_served) {
  make_pipe();
  const auto echo = shell("echo early > " + place());
  Listener listener = value_of(listen(address()));
  Channel channel = value_of(listener.accept(soon()));
  EXPECT_EQ(value_of(channel.borrow(soon())).text(), "early");
}

TEST_F(PlainFifo, a_program_that_waits_for_a_writer_ends_with_a_channel_that_was_never_used) {
  Listener listener = value_of(listen(address()));
  Channel channel = value_of(listener.accept(soon()));
  const os::Fd waiting = value_of(os::Fifo::open_reader_at_once(place()));
  EXPECT_OK(channel.close());
  std::byte byte;
  ASSERT_OK(os::wait_for(waiting.get(), os::Wait::readable, soon()));
  EXPECT_EQ(value_of(os::read_some(waiting.get(), {&byte, 1}, soon())), 0U);
}

TEST_F(PlainFifo, a_death_looks_like_a_close) {
  make_pipe();
  ChildProcess child([&] {
    Channel channel = value_of(connect(address()));
    value_of(channel.send("last words", soon()));
    return ::raise(SIGKILL);
  });
  Channel channel = value_of(connect(address()));
  EXPECT_EQ(value_of(channel.borrow(soon())).text(), "last words");
  EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
}

TEST_F(PlainFifo, after_kill_9_the_next_listener_takes_the_name) {
  ChildProcess killed([&] {
    Listener listener = value_of(listen(address()));
    const Channel channel = value_of(listener.accept(soon()));
    return ::raise(SIGKILL);
  });
  EXPECT_EQ(killed.wait(), -SIGKILL);
  EXPECT_TRUE(std::filesystem::is_fifo(place()));
  EXPECT_OK(listen(address()));
  EXPECT_TRUE(folder_.empty());
}

TEST_F(PlainFifo, connecting_where_nothing_is_says_so) {
  EXPECT_ERRC(Errc::no_one_there, connect(address()));
  EXPECT_ERRC(Errc::invalid_argument, connect(address("raw&capacity=64K")));
  EXPECT_ERRC(Errc::not_found, listen("fifo:" + (folder_ / "none/p") + "?framing=raw"));
}

}  // namespace
}  // namespace tenon
