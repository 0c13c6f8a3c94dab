// posix-mq: with framing=raw: one plain queue, with programs that know nothing of tenon.
#include "support/queue_test.hpp"

namespace tenon {
namespace {

using namespace test;
using testing::HasSubstr;

class PlainQueueAt : public QueueTest {
 protected:
  std::string raw(const std::string& options = {}) const { return address("framing=raw" + options); }
};

TEST_F(PlainQueueAt, talks_with_other_programs) {
  const auto theirs = value_of(os::PosixQueue::create(place_, {.max_messages = 4, .message_size = 64}));
  Channel sender = value_of(connect(raw("&priority=7")));
  Channel receiver = value_of(connect(raw()));
  EXPECT_EQ(sender.traits().max_message_size, 64u);
  EXPECT_TRUE(sender.traits().has(Trait::message_boundaries));
  EXPECT_OK(sender.send("to them"));
  std::array<std::byte, 64> buffer;
  const auto got = value_of(theirs.receive(buffer, soon()));
  EXPECT_EQ(text_of(ByteView(buffer).first(got.size)), "to them");
  EXPECT_EQ(got.priority, 7u);
  EXPECT_OK(theirs.send(bytes_of("to us")));
  EXPECT_OK(theirs.send({}));
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "to us");
  EXPECT_EQ(value_of(receiver.borrow(soon())).size(), 0u);
  const auto large = sender.send(std::string(65, 'x'));
  ASSERT_TRUE(is_error(Errc::message_too_large, large));
  EXPECT_THAT(large.error().message(), HasSubstr("64"));
}

TEST_F(PlainQueueAt, delivers_what_waits_by_priority_and_within_it_in_order) {
  Listener listener = value_of(listen(raw()));
  Channel receiver = value_of(listener.accept(soon()));
  for (const std::string text : {"2a", "9a", "2b", "0a", "9b"}) {
    EXPECT_OK(value_of(connect(raw("&priority=" + text.substr(0, 1)))).send(text));
  }
  for (const std::string_view text : {"9a", "9b", "2a", "2b", "0a"})
    EXPECT_EQ(value_of(receiver.borrow(soon())).text(), text);
}

TEST_F(PlainQueueAt, goes_one_way) {
  Listener listener = value_of(listen(raw()));
  Channel receiver = value_of(listener.accept(soon()));
  Channel sender = value_of(connect(raw()));
  EXPECT_TRUE(sender.traits().one_way);
  EXPECT_OK(sender.send("x"));
  for (int i = 0; i < 2; ++i) {
    EXPECT_ERRC(Errc::unsupported, sender.borrow(soon()));
    EXPECT_ERRC(Errc::unsupported, sender.poll_fd());
  }
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "x");
  const auto refused = receiver.send("back");
  ASSERT_TRUE(is_error(Errc::unsupported, refused));
  EXPECT_THAT(refused.error().message(), HasSubstr("second channel"));
}

TEST_F(PlainQueueAt, waits_for_room_and_for_messages) {
  Listener listener = value_of(listen(raw("&capacity=1K")));
  Channel receiver = value_of(listener.accept(soon()));
  Channel sender = value_of(connect(raw()));
  EXPECT_ERRC(Errc::timed_out, receiver.borrow(Deadline::in(1ms)));
  const int fd = value_of(receiver.poll_fd());
  EXPECT_ERRC(Errc::timed_out, os::wait_for(fd, os::Wait::readable, Deadline::now()));
  while (sender.send(std::string(128, 'x'), Deadline::now())) {
  }
  EXPECT_ERRC(Errc::timed_out, sender.send("y", Deadline::in(1ms)));
  EXPECT_OK(os::wait_for(fd, os::Wait::readable, Deadline::now()));
  std::jthread waiting([&] { EXPECT_OK(sender.send("y", soon())); });
  for (int i = 0; i < 8; ++i) EXPECT_EQ(value_of(receiver.borrow(soon())).size(), 128u);
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "y");
}

TEST_F(PlainQueueAt, a_listener_hands_out_one_channel_at_a_time) {
  Listener listener = value_of(listen(raw()));
  {
    const Channel first = value_of(listener.accept(soon()));
    EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
    EXPECT_ERRC(Errc::timed_out,
                os::wait_for(value_of(listener.poll_fd()), os::Wait::readable, Deadline::now()));
  }
  EXPECT_OK(listener.accept(soon()));
}

TEST_F(PlainQueueAt, its_name_goes_with_the_last_of_listener_and_channel) {
  std::optional<Listener> listener(value_of(listen(raw("&mode=0640"))));
  EXPECT_EQ(mode(), 0640u);
  std::optional<Channel> channel(value_of(listener->accept(soon())));
  listener.reset();
  EXPECT_OK(value_of(connect(raw())).send("still there"));
  EXPECT_EQ(value_of(channel->borrow(soon())).text(), "still there");
  channel.reset();
  EXPECT_ERRC(Errc::no_one_there, connect(raw()));
}

TEST_F(PlainQueueAt, a_living_name_is_never_stolen) {
  const Listener listener = value_of(listen(raw()));
  const auto second = listen(raw());
  ASSERT_TRUE(is_error(Errc::address_in_use, second));
  EXPECT_THAT(second.error().message(), HasSubstr(std::to_string(::getpid())));
}

TEST_F(PlainQueueAt, what_a_killed_listener_left_is_taken_over_with_its_messages) {
  ChildProcess killed([&] {
    const Listener listener = value_of(listen(raw()));
    value_of(connect(raw())).send("unread");
    return ::raise(SIGKILL);
  });
  killed.wait();
  EXPECT_OK(value_of(connect(raw())).send("later"));
  Listener listener = value_of(listen(raw()));
  Channel receiver = value_of(listener.accept(soon()));
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "unread");
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "later");
}

TEST_F(PlainQueueAt, another_programs_queue_is_not_taken_over) {
  const auto theirs = value_of(os::PosixQueue::create(place_, {.max_messages = 4, .message_size = 64}));
  EXPECT_ERRC(Errc::already_exists, listen(raw()));
  EXPECT_OK(connect(raw()));
}

TEST_F(PlainQueueAt, another_users_queue_needs_trust) {
  if (::geteuid() != 0) return;  // only root can make one
  const auto theirs = value_of(os::PosixQueue::create(place_, {.max_messages = 4, .message_size = 64}));
  EXPECT_OK(os::hand_queue_to(theirs.fd(), 65534, 65534, 0666));
  EXPECT_ERRC(Errc::permission_denied, connect(raw()));
  EXPECT_ERRC(Errc::permission_denied, listen(raw()));
  EXPECT_OK(connect(raw("&owner=65534")));
}

TEST_F(PlainQueueAt, what_its_mode_does_not_allow_is_told_as_such) {
  if (::geteuid() != 0) return;  // only root can become somebody whom the mode keeps out
  const auto theirs = value_of(os::PosixQueue::create(place_, {.max_messages = 4, .message_size = 64}));
  for (const bool may_send : {true, false}) {
    EXPECT_OK(os::hand_queue_to(theirs.fd(), -1, -1, may_send ? 0622 : 0644));
    ChildProcess nobody([&] {
      if (::setresuid(65534, 65534, 65534) != 0) return 1;
      Channel sender = value_of(connect(raw()));
      Channel receiver = value_of(connect(raw()));
      const auto sent = sender.send("x");
      const auto received = receiver.borrow(Deadline::now());
      if (may_send) {
        EXPECT_OK(sent);
        EXPECT_TRUE(is_error(Errc::permission_denied, received));
      } else {
        EXPECT_TRUE(is_error(Errc::permission_denied, sent));
        EXPECT_TRUE(is_error(Errc::timed_out, received) || received.has_value());
      }
      return 0;
    });
    EXPECT_EQ(nobody.wait(), 0);
  }
}

TEST_F(PlainQueueAt, both_framings_at_one_name_are_told_apart) {
  {
    const Listener framed = value_of(listen(address()));
    EXPECT_ERRC(Errc::protocol_violation, connect(raw()));
    EXPECT_FALSE(listen(raw()).has_value());
  }
  const Listener plain = value_of(listen(raw()));
  EXPECT_ERRC(Errc::protocol_violation, connect(address()));
  EXPECT_FALSE(listen(address()).has_value());
}

TEST_F(PlainQueueAt, options_that_make_no_sense_are_refused) {
  EXPECT_ERRC(Errc::invalid_argument, listen(raw("&priority=1x")));
  EXPECT_ERRC(Errc::invalid_argument, listen(raw("&priority=32768")));
  const auto framed = connect(address("priority=3"));
  ASSERT_TRUE(is_error(Errc::invalid_argument, framed));
  EXPECT_THAT(framed.error().message(), HasSubstr("stay in order"));
}

}  // namespace
}  // namespace tenon
