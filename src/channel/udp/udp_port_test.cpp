// udp: the port: whose it is, who may share it, and what programs that know nothing of tenon send to it.
#include <sys/socket.h>
#include <array>

#include "channel/udp/udp_test.hpp"

namespace tenon {
namespace {

using namespace test;

TEST(UdpPort, is_free_again_while_channels_live_on) {
  const std::uint16_t port = free_port();
  std::vector<std::pair<Channel, Channel>> alive;
  for (int i = 0; i < 3; ++i) {
    Listener listener = value_of(listen(to(port)));
    EXPECT_ERRC(Errc::address_in_use, listen(to(port)));
    alive.push_back(meet(listener, port));
    EXPECT_ERRC(Errc::address_in_use, listen(to(port)));
    for (auto& [client, server] : alive) {
      EXPECT_OK(client.send("still here"));
      EXPECT_EQ(value_of(server.borrow(soon())).text(), "still here");
    }
  }
}

TEST(UdpPort, of_a_program_that_shares_is_not_taken) {
  const std::uint16_t port = free_port();
  std::optional<Listener> listener(value_of(listen(to(port))));
  auto channels = meet(*listener, port);
  listener.reset();
  // Only the channel has the port now, and would share it; and so would this one.
  const os::Fd other(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  const int on = 1;
  ASSERT_EQ(::setsockopt(other.get(), SOL_SOCKET, SO_REUSEADDR, &on, sizeof on), 0);
  const auto where = value_of(os::InetEndpoint::resolve("127.0.0.1", port)).front();
  ASSERT_EQ(
      ::bind(other.get(), static_cast<const sockaddr*>(where.data()), static_cast<socklen_t>(where.size())),
      0);
  EXPECT_ERRC(Errc::address_in_use, listen(to(port)));
}

TEST(UdpPort, can_be_chosen_by_the_system_and_have_any_kind_of_host) {
  std::vector<std::string> hosts{"127.0.0.1", "localhost", "0.0.0.0"};
  if (has_ipv6()) hosts.insert(hosts.end(), {"[::1]", "[::]"});
  for (const std::string& host : hosts) {
    Listener listener = value_of(listen("udp:" + host + ":0"));
    EXPECT_NE(port_of(listener), 0);
    const std::string near = host == "0.0.0.0" || host == "[::]" ? "127.0.0.1" : host;
    std::optional<Result<Channel>> accepted;
    std::jthread accepting([&] { accepted.emplace(listener.accept(soon())); });
    Channel client =
        value_of(connect("udp:" + near + ":" + std::to_string(port_of(listener)), {.deadline = soon()}));
    accepting.join();
    EXPECT_OK(client.send("hello"));
    EXPECT_EQ(value_of((*accepted)->borrow(soon())).text(), "hello");
  }
}

TEST(UdpPlain, talks_with_any_socket_as_the_one_that_connects) {
  auto other = value_of(os::UdpSocket::bind("127.0.0.1", 0));
  Channel channel = value_of(connect(to(value_of(other.local()).port(), "?framing=raw")));
  Bytes buffer(70'000);
  for (const std::size_t size : {0UL, 1UL, 1400UL, 65'507UL}) {
    EXPECT_OK(channel.send(pattern(size, 1), soon()));
    const auto got = value_of(other.receive_from(buffer, soon()));
    EXPECT_TRUE(is_pattern(ByteView(buffer).first(got.size), 1));
    EXPECT_OK(other.send_to(got.from, ByteView(buffer).first(got.size)));
    EXPECT_EQ(value_of(channel.borrow(soon())).size(), size);
  }
  EXPECT_ERRC(Errc::message_too_large, channel.send(pattern(65'508, 1)));
}

TEST(UdpPlain, serves_each_sender_with_a_channel_of_its_own) {
  Listener listener = listener_of("?framing=raw");
  const int ready = value_of(listener.poll_fd());
  EXPECT_ERRC(Errc::timed_out, os::wait_for(ready, os::Wait::readable, Deadline::now()));
  std::vector<os::UdpSocket> others;
  for (int i = 0; i < 5; ++i) {
    others.push_back(value_of(os::UdpSocket::connect("127.0.0.1", port_of(listener))));
    for (const std::string text : {"first ", "second "})
      EXPECT_OK(others.back().send(bytes_of(text + std::to_string(i))));
  }
  std::vector<Channel> channels;
  for (int i = 0; i < 5; ++i) {
    EXPECT_OK(os::wait_for(ready, os::Wait::readable, soon()));
    channels.push_back(value_of(listener.accept(soon())));
  }
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, os::wait_for(ready, os::Wait::readable, Deadline::now()));
  for (std::size_t i = 0; i < others.size(); ++i) {
    EXPECT_OK(others[i].send(bytes_of("third " + std::to_string(i))));
    for (const std::string text : {"first ", "second ", "third "}) {
      const Message message = value_of(channels[i].borrow(soon()));
      EXPECT_EQ(message.text(), text + std::to_string(i));
    }
    EXPECT_OK(channels[i].send("answer " + std::to_string(i)));
    std::array<std::byte, 64> buffer;
    const auto got = value_of(others[i].receive_from(buffer, soon()));
    EXPECT_EQ(text_of(ByteView(buffer).first(got.size)), "answer " + std::to_string(i));
  }
  // Whoever comes back after his channel was closed gets another one.
  EXPECT_OK(channels[2].close());
  EXPECT_OK(others[2].send(bytes_of("again")));
  Channel second = value_of(listener.accept(soon()));
  EXPECT_EQ(value_of(second.borrow(soon())).text(), "again");
}

TEST(UdpPlain, what_came_early_is_polled_for_too) {
  Listener listener = listener_of("?framing=raw");
  auto other = value_of(os::UdpSocket::connect("127.0.0.1", port_of(listener)));
  EXPECT_OK(other.send(bytes_of("early")));
  Channel channel = value_of(listener.accept(soon()));
  const int fd = value_of(channel.poll_fd());
  EXPECT_OK(os::wait_for(fd, os::Wait::readable, Deadline::now()));
  EXPECT_OK(channel.borrow(Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, os::wait_for(fd, os::Wait::readable, Deadline::now()));
}

}  // namespace
}  // namespace tenon
