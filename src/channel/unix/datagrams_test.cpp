// unix: with type=dgram: strangers at the door, death between the steps of meeting, and plain datagrams with
// programs that know nothing of tenon.
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <csignal>

#include <tenon/os/pipe.hpp>
#include <tenon/os/unix_socket.hpp>
#include <tenon/process.hpp>

#include "channel/conformance_test.hpp"
#include "os/datagram_door.hpp"
#include "wire/hello.hpp"

namespace tenon {
namespace {

using namespace test;

class DatagramDoor : public testing::Test {
 protected:
  std::string address(const std::string& options = {}) const {
    return "unix:" + place_ + "?type=dgram" + options;
  }
  os::UnixSocket stranger() const {
    return value_of(os::UnixSocket::connect(place_, os::SocketType::datagram, soon()));
  }
  /// That a client is served, whatever came before.
  void expect_served(Listener& listener) const {
    std::optional<Result<Channel>> accepted;
    std::jthread accepting([&] { accepted.emplace(listener.accept(soon())); });
    Channel client = value_of(connect(address(), {.deadline = soon()}));
    accepting.join();
    EXPECT_OK(client.send("served"));
    EXPECT_EQ(value_of((*accepted)->borrow(soon())).text(), "served");
  }

  TemporaryFolder folder_;
  std::string place_ = folder_ / "door";
};

TEST_F(DatagramDoor, lets_strangers_in_with_nothing) {
  Listener listener = value_of(listen(address()));
  auto knocking = stranger();
  auto [stream, far] = value_of(os::UnixSocket::pair(os::SocketType::stream));
  auto [datagram, away] = value_of(os::UnixSocket::pair(os::SocketType::datagram));
  const auto pipe = value_of(os::Pipe::create());
  const auto hello = wire::encode_hello({});
  const auto knock = [&](ByteView text, std::vector<int> descriptors) {
    EXPECT_OK(knocking.send_with_descriptors(text, descriptors, soon()));
    EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
  };
  knock(bytes_of("x"), {});
  knock(pattern(100'000, 1), {});
  knock(hello, {});
  knock(hello, {datagram.fd()});
  knock(hello, {datagram.fd(), stream.fd(), stream.fd()});
  knock(hello, {stream.fd(), datagram.fd()});
  knock(hello, {datagram.fd(), pipe.read_end.get()});
  knock(hello, {pipe.read_end.get(), stream.fd()});
  knock(pattern(32, 1), {datagram.fd(), stream.fd()});
  knock(ByteView(hello).first(31), {datagram.fd(), stream.fd()});
  static_cast<void>(::send(knocking.fd(), nullptr, 0, 0));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
  expect_served(listener);
}

TEST_F(DatagramDoor, forgets_clients_that_gave_up_or_died_while_they_waited) {
  Listener listener = value_of(listen(address()));
  EXPECT_ERRC(Errc::timed_out, connect(address(), {.deadline = Deadline::in(5ms)}));
  ChildProcess client([&] {
    static_cast<void>(connect(address(), {.deadline = Deadline::in(5ms)}));
    return ::raise(SIGKILL);
  });
  EXPECT_EQ(client.wait(), -SIGKILL);
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
  expect_served(listener);
}

TEST_F(DatagramDoor, that_closes_tells_those_who_wait) {
  std::optional<Listener> listener(value_of(listen(address())));
  std::jthread waiting([this] { EXPECT_ERRC(Errc::no_one_there, connect(address(), {.deadline = soon()})); });
  EXPECT_OK(os::wait_for(value_of(listener->poll_fd()), os::Wait::readable, soon()));
  listener.reset();
}

TEST_F(DatagramDoor, with_a_full_queue_makes_clients_wait) {
  Listener listener = value_of(listen(address()));
  auto knocking = stranger();
  while (knocking.send_some(bytes_of("x"), Deadline::now())) {
  }
  const auto refused = connect(address(), {.deadline = Deadline::in(5ms)});
  ASSERT_TRUE(is_error(Errc::timed_out, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("queue"));
  expect_served(listener);
}

TEST_F(DatagramDoor, of_a_program_that_is_not_tenon_is_found_out) {
  auto other = value_of(os::DatagramDoor::open(place_, {}));
  std::jthread answering([&] {
    EXPECT_OK(os::wait_for(other.fd(), os::Wait::readable, soon()));
    EXPECT_OK(os::DatagramDoor::answer(value_of(other.next()), bytes_of("hello yourself")));
  });
  EXPECT_ERRC(Errc::protocol_violation, connect(address(), {.deadline = soon()}));
}

TEST_F(DatagramDoor, keeps_what_had_arrived_when_a_send_finds_the_peer_dead) {
  Listener listener = value_of(listen(address()));
  ChildProcess child([&] {
    Channel channel = value_of(connect(address(), {.deadline = soon()}));
    for (std::uint64_t i = 0; i < 50; ++i) value_of(channel.send(pattern(i, i), soon()));
    return ::raise(SIGKILL);
  });
  Channel channel = value_of(listener.accept(soon()));
  EXPECT_EQ(child.wait(), -SIGKILL);
  EXPECT_ERRC(Errc::peer_died, channel.send("too late"));
  for (std::uint64_t i = 0; i < 50; ++i) ASSERT_TRUE(is_pattern(value_of(channel.borrow(soon())).bytes(), i));
  EXPECT_ERRC(Errc::peer_died, channel.borrow(soon()));
}

TEST_F(DatagramDoor, cannot_be_given_to_a_child) {
  const auto refused = spawn({.arguments = {"true"}, .address = "unix:?type=dgram"});
  ASSERT_TRUE(is_error(Errc::unsupported, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("leave the type out"));
}

TEST_F(DatagramDoor, names_the_process_that_has_it) {
  for (const std::string& where :
       {address(), "unix:@tenon-test-" + std::to_string(::getpid()) + "?type=dgram"}) {
    ChildProcess child([&] {
      Listener listener = value_of(listen(where));
      return ::pause();
    });
    while (connect(where, {.deadline = Deadline::in(1ms)}).error().code() == Errc::no_one_there) {
    }
    const auto second = listen(where);
    ASSERT_TRUE(is_error(Errc::address_in_use, second));
    EXPECT_THAT(second.error().message(), testing::HasSubstr("process " + std::to_string(child.pid())));
  }
}

class PlainDatagrams : public DatagramDoor {
 protected:
  std::string plain() const { return address("&framing=raw"); }
};

TEST_F(PlainDatagrams, are_sent_to_any_mailbox_and_answered) {
  auto mailbox = value_of(os::UnixSocket::bind(place_));
  Channel channel = value_of(connect(plain()));
  std::vector<std::byte> buffer(70'000);
  for (const std::size_t size : {0UL, 1UL, 60'000UL}) {
    EXPECT_OK(channel.send(pattern(size, 1), soon()));
    const auto got = value_of(mailbox.receive_from(buffer, soon()));
    EXPECT_TRUE(is_pattern(ByteView(buffer).first(got.size), 1));
    EXPECT_OK(mailbox.send_to(got.from, pattern(size, 2), soon()));
    const Message answer = value_of(channel.borrow(soon()));
    ASSERT_EQ(answer.size(), size);
    EXPECT_TRUE(is_pattern(answer.bytes(), 2));
  }
}

TEST_F(PlainDatagrams, wait_for_room_and_lose_nothing) {
  auto mailbox = value_of(os::UnixSocket::bind(place_));
  Channel channel = value_of(connect(plain()));
  EXPECT_TRUE(channel.traits().has(Trait::lossless));
  std::uint64_t sent = 0;
  while (channel.send(pattern(100, sent), Deadline::now())) ++sent;
  EXPECT_ERRC(Errc::timed_out, channel.send("full", Deadline::in(2ms)));
  std::jthread last([&] { EXPECT_OK(channel.send("last", soon())); });
  std::array<std::byte, 100> buffer;
  for (std::uint64_t i = 0; i < sent; ++i) {
    ASSERT_EQ(value_of(mailbox.receive_some(buffer, soon())), 100u);
    ASSERT_TRUE(is_pattern(buffer, i));
  }
  EXPECT_EQ(value_of(mailbox.receive_some(buffer, soon())), 4u);
}

TEST_F(PlainDatagrams, beyond_the_send_buffer_are_refused_with_its_name) {
  auto mailbox = value_of(os::UnixSocket::bind(place_));
  Channel channel = value_of(connect(plain()));
  const std::size_t largest = channel.traits().max_message_size;
  const auto refused = channel.send(std::vector<std::byte>(largest + 1));
  ASSERT_TRUE(is_error(Errc::message_too_large, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("net.core.wmem_max"));
  EXPECT_OK(channel.send(std::vector<std::byte>(largest), soon()));
  Channel larger = value_of(connect(address("&framing=raw&capacity=300K")));
  EXPECT_GE(larger.traits().max_message_size, 300u << 10);
}

TEST_F(PlainDatagrams, find_that_nobody_is_there) {
  EXPECT_ERRC(Errc::no_one_there, connect(plain()));
  std::optional<os::UnixSocket> mailbox(value_of(os::UnixSocket::bind(place_)));
  Channel channel = value_of(connect(plain()));
  mailbox.reset();
  EXPECT_ERRC(Errc::peer_died, channel.send("anyone?"));
}

TEST_F(PlainDatagrams, of_everyone_arrive_at_the_one_who_listens) {
  Listener listener = value_of(listen(plain()));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
  std::vector<os::UnixSocket> others;
  for (int i = 0; i < 3; ++i) {
    others.push_back(value_of(os::UnixSocket::bind()));
    EXPECT_OK(others.back().send_to(place_, bytes_of("from " + std::to_string(i)), soon()));
  }
  Channel channel = value_of(listener.accept(soon()));
  EXPECT_FALSE(channel.traits().has(Trait::many_peers));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));  // one channel at a time
  for (std::size_t i = 0; i < others.size(); ++i) {
    EXPECT_EQ(value_of(channel.borrow(soon())).text(), "from " + std::to_string(i));
    EXPECT_OK(channel.send("to " + std::to_string(i), soon()));
    std::array<std::byte, 64> buffer;
    const std::size_t size = value_of(others[i].receive_some(buffer, soon()));
    EXPECT_EQ(text_of(ByteView(buffer).first(size)), "to " + std::to_string(i));
  }
  auto unnamed = stranger();
  EXPECT_OK(unnamed.send_some(bytes_of("no name"), soon()));
  EXPECT_EQ(value_of(channel.borrow(soon())).text(), "no name");
  EXPECT_ERRC(Errc::invalid_argument, channel.send("to whom?"));
  EXPECT_OK(channel.close());
  EXPECT_OK(unnamed.send_some(bytes_of("later"), soon()));
  Channel next = value_of(listener.accept(soon()));
  EXPECT_EQ(value_of(next.borrow(soon())).text(), "later");
}

TEST_F(PlainDatagrams, of_other_users_are_dropped_at_an_abstract_name) {
  if (::geteuid() != 0) return;  // only root can be somebody else
  const std::string name = "@tenon-test-" + std::to_string(::getpid());
  Listener listener = value_of(listen("unix:" + name + "?type=dgram&framing=raw"));
  ChildProcess other([&] {
    if (::setgid(65534) != 0 || ::setuid(65534) != 0) return 1;
    auto socket = value_of(os::UnixSocket::connect(name, os::SocketType::datagram, soon()));
    value_of(socket.send_some(bytes_of("let me in"), soon()));
    return 0;
  });
  EXPECT_EQ(other.wait(), 0);
  auto ours = value_of(os::UnixSocket::connect(name, os::SocketType::datagram, soon()));
  EXPECT_OK(ours.send_some(bytes_of("ours"), soon()));
  Channel channel = value_of(listener.accept(soon()));
  EXPECT_EQ(value_of(channel.borrow(soon())).text(), "ours");
}

}  // namespace
}  // namespace tenon
