// posix-mq: the well-known queue: whose it is, who may come, and what a hostile or dying client leaves.
#include <sys/stat.h>
#include <array>

#include "os/private_queues.hpp"
#include "support/queue_test.hpp"

namespace tenon {
namespace {

using namespace test;
using testing::HasSubstr;

constexpr os::PosixQueue::Size small{.max_messages = 4, .message_size = 64};
constexpr std::uint64_t bytes_of_a_pair = 32'640;

class QueueDoorAt : public QueueTest {
 protected:
  void expect_served(Listener& listener) {
    auto [a, b] = meet(listener, address());
    EXPECT_OK(b.send("hello"));
    EXPECT_EQ(value_of(a.borrow(soon())).text(), "hello");
  }
  /// A request for these queues, as their maker would write it.
  static QueueRequest request_for(os::PrivateQueues& queues) {
    return {queues.slot(), value_of(os::facts_of_queue(queues.to_listener().fd())).inode,
            value_of(os::facts_of_queue(queues.to_client().fd())).inode};
  }
  void put(ByteView request) const { EXPECT_OK(open().send(request, 0, soon())); }
  os::PrivateQueues claim(os::PosixQueue::Size size = small) const {
    return value_of(os::PrivateQueues::claim(place_, size, soon()));
  }
  std::string name_of(unsigned slot) const {
    return os::private_queue_name(place_, slot, os::QueueEnd::to_client);
  }
};

TEST_F(QueueDoorAt, its_name_has_exactly_the_mode_asked_for_without_reading) {
  const mode_t before = ::umask(0777);
  {
    const Listener listener = value_of(listen(address()));
    EXPECT_EQ(mode(), 0600u);
  }
  {
    const Listener listener = value_of(listen(address("mode=0666&group=" + std::to_string(::getegid()))));
    EXPECT_EQ(mode(), 0622u);
  }
  ::umask(before);
}

TEST_F(QueueDoorAt, a_queue_of_another_program_is_left_alone) {
  const auto theirs = value_of(os::PosixQueue::create(place_, small));
  EXPECT_OK(theirs.send(bytes_of("precious")));
  EXPECT_ERRC(Errc::already_exists, listen(address()));
  EXPECT_ERRC(Errc::protocol_violation, connect(address()));
  EXPECT_EQ(value_of(theirs.attributes()).waiting, 1u);
}

TEST_F(QueueDoorAt, a_queue_of_another_user_is_left_alone) {
  if (::geteuid() != 0) return;  // only root can make one
  ChildProcess killed([&] {
    const Listener listener = value_of(listen(address()));
    return ::raise(SIGKILL);
  });
  killed.wait();
  EXPECT_OK(os::hand_queue_to(open().fd(), 65534, 65534, 0600));
  EXPECT_ERRC(Errc::permission_denied, listen(address()));
  const auto refused = connect(address());
  ASSERT_TRUE(is_error(Errc::permission_denied, refused));
  EXPECT_THAT(refused.error().message(), HasSubstr("owner="));
  EXPECT_ERRC(Errc::no_one_there, connect(address("owner=65534")));
  EXPECT_OK(os::PosixQueue::remove(place_));
}

TEST_F(QueueDoorAt, those_who_wait_are_told_when_the_listener_ends) {
  std::optional<Listener> listener(value_of(listen(address())));
  std::vector<std::jthread> clients;
  for (int i = 0; i < 5; ++i) {
    clients.emplace_back([&] { EXPECT_ERRC(Errc::no_one_there, connect(address(), {.deadline = soon()})); });
  }
  while (value_of(open().attributes()).waiting < 5) std::this_thread::yield();
  listener.reset();
}

TEST_F(QueueDoorAt, those_who_wait_are_told_when_the_listener_is_killed) {
  ChildProcess server([&] {
    const Listener listener = value_of(listen(address()));
    return ::pause();
  });
  Result<Channel> result = connect(address(), {.deadline = Deadline::in(1ms)});
  while (is_error(Errc::no_one_there, result)) result = connect(address(), {.deadline = Deadline::in(1ms)});
  EXPECT_TRUE(is_error(Errc::timed_out, result));
  std::jthread client([&] { EXPECT_ERRC(Errc::no_one_there, connect(address(), {.deadline = soon()})); });
  while (!exists(name_of(0))) std::this_thread::yield();
  server.kill(SIGKILL);
  client.join();
  EXPECT_OK(listen(address()));
}

TEST_F(QueueDoorAt, requests_that_are_none_harm_nobody) {
  Listener listener = value_of(listen(address()));
  QueueRequest there_is_nothing{3, 1, 2};
  auto bytes = encode(there_is_nothing);
  put(bytes);
  put({});
  put(ByteView(bytes).first(31));
  put(bytes_of("GET / HTTP/1.1\r\n"));
  expect_served(listener);
  for (const std::size_t place : {0UL, 8UL, 13UL}) {  // magic, version, a slot beyond all
    auto wrong = bytes;
    wrong[place] = std::byte{77};
    put(wrong);
  }
  expect_served(listener);
}

TEST_F(QueueDoorAt, requests_for_what_is_not_theirs_harm_nobody) {
  Listener listener = value_of(listen(address()));
  auto victim = claim();
  const QueueRequest right = request_for(victim);
  put(encode({right.slot, right.to_client, right.to_listener}));  // the wrong way round
  put(encode({right.slot, right.to_listener, right.to_client + 1}));
  put(encode({right.slot + 1, right.to_listener, right.to_client}));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
  EXPECT_FALSE(os::is_queue_used(victim.to_listener().fd()));
  EXPECT_TRUE(exists(name_of(victim.slot())));
  expect_served(listener);

  put(encode(right));
  put(encode(right));  // the second time they are taken
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
  EXPECT_TRUE(os::is_queue_used(victim.to_listener().fd()));
  EXPECT_FALSE(exists(name_of(victim.slot())));
  expect_served(listener);
}

TEST_F(QueueDoorAt, queues_of_absurd_sizes_are_refused_and_their_maker_is_told) {
  Listener listener = value_of(listen(address()));
  auto tiny = claim({.max_messages = 1, .message_size = 1});
  put(encode(request_for(tiny)));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
  EXPECT_FALSE(os::is_queue_used(tiny.to_listener().fd()));
  EXPECT_EQ(value_of(tiny.to_client().attributes()).waiting, 1u);  // the end
  expect_served(listener);
}

TEST_F(QueueDoorAt, what_killed_clients_leave_is_removed) {
  Listener listener = value_of(listen(address()));
  for (const bool asked : {false, true}) {
    ChildProcess client([&] {
      auto queues = claim();
      if (asked) put(encode(request_for(queues)));
      return ::raise(SIGKILL);
    });
    EXPECT_EQ(client.wait(), -SIGKILL);
    EXPECT_TRUE(exists(name_of(0)));
    EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
    EXPECT_EQ(exists(name_of(0)), !asked);
    expect_served(listener);
    EXPECT_FALSE(exists(name_of(0)));
  }
}

TEST_F(QueueDoorAt, what_killed_clients_leave_is_found_when_the_limit_is_reached) {
  Listener listener = value_of(listen(address()));
  ChildProcess client([&] {
    std::optional<os::PrivateQueues> first(claim());
    const auto second =
        value_of(os::PrivateQueues::claim(place_, {.max_messages = 10, .message_size = 1536}, soon()));
    first.reset();
    return ::raise(SIGKILL);
  });
  EXPECT_EQ(client.wait(), -SIGKILL);
  EXPECT_TRUE(exists(name_of(1)));
  const LimitGuard limit(RLIMIT_MSGQUEUE, queue_bytes_in_use() + bytes_of_a_pair / 2);
  expect_served(listener);
  EXPECT_FALSE(exists(name_of(1)));
}

TEST_F(QueueDoorAt, a_full_one_makes_clients_wait_until_their_deadline) {
  Listener listener = value_of(listen(address()));
  while (open().send(bytes_of("nonsense"), 0, Deadline::now())) {
  }
  const auto late = connect(address(), {.deadline = Deadline::in(5ms)});
  ASSERT_TRUE(is_error(Errc::timed_out, late));
  EXPECT_THAT(late.error().message(), HasSubstr("takes none"));
  expect_served(listener);
}

TEST_F(QueueDoorAt, limits_are_told) {
  Listener listener = value_of(listen(address()));
  const LimitGuard limit(RLIMIT_MSGQUEUE, 10'000);
  const auto refused = connect(address());
  ASSERT_TRUE(is_error(Errc::resource_limit, refused));
  EXPECT_THAT(refused.error().message(), HasSubstr("all queues of this user together may take 10000"));
  const LimitGuard none(RLIMIT_MSGQUEUE, 0);
  EXPECT_ERRC(Errc::resource_limit, listen(address() + "-b"));
  EXPECT_ERRC(Errc::resource_limit, connect(address("capacity=1G")));
  EXPECT_ERRC(Errc::invalid_argument, connect(address("capacity=1")));
  EXPECT_ERRC(Errc::invalid_argument, connect("posix-mq:jobs"));
  EXPECT_ERRC(Errc::invalid_argument, connect("posix-mq:/" + std::string(250, 'x')));
  EXPECT_ERRC(Errc::invalid_argument, connect(address("priority=1")));
  EXPECT_ERRC(Errc::invalid_argument, connect(address("framing=lines")));
}

TEST_F(QueueDoorAt, a_client_is_told_when_the_listener_has_no_descriptor_left) {
  Listener listener = value_of(listen(address()));
  ChildProcess client([&] {
    EXPECT_ERRC(Errc::no_one_there, connect(address(), {.deadline = soon()}));
    return testing::Test::HasFailure() ? 1 : 0;
  });
  ASSERT_OK(os::wait_for(value_of(listener.poll_fd()), os::Wait::readable, soon()));
  {
    const int next = ::dup(0);
    ::close(next);
    const LimitGuard limit(RLIMIT_NOFILE, static_cast<rlim_t>(next));
    EXPECT_ERRC(Errc::resource_limit, listener.accept(Deadline::now()));
  }
  EXPECT_EQ(client.wait(), 0);
  expect_served(listener);
}

}  // namespace
}  // namespace tenon
