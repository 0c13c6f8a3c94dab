// posix-mq: connections beyond the contract: how an end is seen that no message tells of, and other users.
#include <grp.h>
#include <unistd.h>

#include "support/queue_test.hpp"

namespace tenon {
namespace {

using namespace test;
using testing::HasSubstr;

class QueueConnection : public QueueTest {
 protected:
  /// A client in another process, and our end.
  template <typename Body>
  Channel serve(std::optional<ChildProcess>& child, Body body) {
    Listener listener = value_of(listen(address()));
    child.emplace([&] {
      Channel channel = value_of(connect(address(), {.deadline = soon()}));
      return body(channel);
    });
    return value_of(listener.accept(soon()));
  }
};

TEST_F(QueueConnection, an_end_for_which_there_was_no_room_is_seen) {
  Listener listener = value_of(listen(address()));
  for (const bool waiting : {false, true}) {
    auto [a, b] = meet(listener, address());
    std::uint64_t sent = 0;
    while (a.send(bytes_of("x"), Deadline::now())) ++sent;
    if (waiting) {
      std::jthread leaving([&, &channel = a] { channel.abort(); });
      for (std::uint64_t i = 0; i < sent; ++i) EXPECT_OK(b.borrow(soon()));
      EXPECT_ERRC(Errc::peer_died, b.borrow(soon()));
    } else {
      a.abort();
      const int fd = value_of(b.poll_fd());
      for (std::uint64_t i = 0; i < sent; ++i) EXPECT_OK(b.borrow(Deadline::now()));
      EXPECT_ERRC(Errc::peer_died, b.borrow(Deadline::now()));
      EXPECT_OK(os::wait_for(fd, os::Wait::readable, Deadline::now()));
    }
    EXPECT_ERRC(Errc::peer_died, b.send("anyone?"));
  }
}

TEST_F(QueueConnection, a_sender_that_waits_for_room_is_woken_by_the_end) {
  Listener listener = value_of(listen(address()));
  for (const std::string options : {"wait=block", "wait=spin", "wait=hybrid"}) {
    auto [a, b] = meet(listener, address(options));
    while (b.send(bytes_of("x"), Deadline::now())) {
    }
    std::jthread leaving([&, &channel = a] { EXPECT_OK(channel.close(soon())); });
    Result<void> sent;
    while (sent) sent = b.send(bytes_of("y"), soon());
    EXPECT_TRUE(is_error(Errc::closed, sent)) << options;
  }
}

TEST_F(QueueConnection, a_sender_that_always_finds_room_learns_of_the_end_too) {
  std::optional<ChildProcess> child;
  Channel channel = serve(child, [](Channel& mine) {
    while (mine.borrow()) {
    }
    return ::pause();
  });
  child->kill(SIGKILL);
  child->wait();
  Result<void> sent;
  for (int i = 0; sent && i < 9; ++i) sent = channel.send("x", soon());
  while (sent) sent = channel.send("x", soon());
  EXPECT_TRUE(is_error(Errc::peer_died, sent));
}

TEST_F(QueueConnection, a_receiver_that_spins_sees_a_death) {
  Listener listener = value_of(listen(address("wait=spin")));
  ChildProcess child([&] {
    const Channel channel = value_of(connect(address(), {.deadline = soon()}));
    return ::pause();
  });
  Channel channel = value_of(listener.accept(soon()));
  std::jthread killer([&] { child.kill(SIGKILL); });
  EXPECT_ERRC(Errc::peer_died, channel.borrow(soon()));
}

TEST_F(QueueConnection, a_dead_peer_is_dead_although_its_child_lives) {
  auto pipe = value_of(os::Pipe::create());
  std::optional<ChildProcess> child;
  Channel channel = serve(child, [&](Channel& mine) {
    EXPECT_OK(mine.send("before"));
    pipe.write_end.reset();
    if (::fork() == 0) {  // has what its parent had, and goes when the test lets go of the pipe
      static_cast<void>(os::wait_for(pipe.read_end.get(), os::Wait::readable, Deadline::in(60s)));
      ::_exit(0);
    }
    ::_exit(0);
    return 0;
  });
  EXPECT_EQ(child->wait(), 0);
  EXPECT_EQ(value_of(channel.borrow(soon())).text(), "before");
  EXPECT_ERRC(Errc::peer_died, channel.borrow(soon()));
  EXPECT_ERRC(Errc::peer_died, channel.send("anyone?"));
}

TEST_F(QueueConnection, capacity_is_what_fits_without_a_reader) {
  Listener listener = value_of(listen(address()));
  auto [a, b] = meet(listener, address("capacity=64K"));
  EXPECT_OK(b.send(std::vector<std::byte>(60'000), Deadline::now()));
  EXPECT_OK(a.send(std::vector<std::byte>(60'000), Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, b.send(std::vector<std::byte>(60'000), Deadline::now()));
  a.abort();
  b.abort();
}

/// Becomes an ordinary user, in a child.
void become(unsigned user, gid_t group) {
  if (::setgroups(1, &group) != 0 || ::setresgid(group, group, group) != 0 ||
      ::setresuid(user, user, user) != 0)
    throw std::runtime_error("cannot become another user");
}

class QueueUsers : public QueueTest {
 protected:
  static constexpr unsigned alice = 60'001;
  static constexpr unsigned bob = 60'002;
  static constexpr gid_t friends = 60'010;

  /// Alice listens (as 0 root does), and somebody with `user` and `group` says hello.
  Result<void> meet_as(unsigned listening, const std::string& listen_options, unsigned user, gid_t group,
                       const std::string& connect_options) {
    auto ready = value_of(os::Pipe::create());
    ChildProcess server([&] {
      if (listening != 0) become(listening, friends);
      Listener listener = value_of(listen(address(listen_options)));
      value_of(os::write_all(ready.write_end.get(), bytes_of("!")));
      Channel channel = value_of(listener.accept(soon()));
      return value_of(channel.borrow(soon())).text() == "hello" ? 0 : 1;
    });
    ChildProcess client([&] {
      if (user != 0) become(user, group);
      value_of(os::wait_for(ready.read_end.get(), os::Wait::readable, soon()));
      Result<Channel> channel = connect(address(connect_options), {.deadline = soon()});
      if (!channel) return static_cast<int>(channel.error().code());
      EXPECT_OK(channel->send("hello"));
      EXPECT_OK(channel->close());
      return 0;
    });
    const int result = client.wait();
    if (result == 0) {
      EXPECT_EQ(server.wait(), 0);
      return {};
    }
    server.kill(SIGKILL);
    server.wait();
    static_cast<void>(os::PosixQueue::remove(place_));
    return std::unexpected(Error(static_cast<Errc>(result), "meet"));
  }
};

TEST_F(QueueUsers, meet_as_far_as_mode_group_and_owner_say) {
  if (::geteuid() != 0) return;  // only root can be several
  const std::string with_group = "mode=0660&group=" + std::to_string(friends);
  const std::string trusting = "owner=" + std::to_string(alice);
  EXPECT_OK(meet_as(alice, with_group, bob, friends, trusting));
  EXPECT_OK(meet_as(alice, "", 0, 0, trusting));
  EXPECT_OK(meet_as(0, "mode=0666", bob, bob, ""));
  EXPECT_ERRC(Errc::permission_denied, meet_as(alice, with_group, bob, friends, ""));
  EXPECT_ERRC(Errc::permission_denied, meet_as(alice, "", bob, friends, trusting));
  EXPECT_ERRC(Errc::permission_denied, meet_as(alice, "mode=0602", bob, bob, trusting));
  EXPECT_ERRC(Errc::permission_denied, meet_as(alice, "mode=0622", bob, bob, trusting));
}

}  // namespace
}  // namespace tenon
