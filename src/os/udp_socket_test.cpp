#include <tenon/os/udp_socket.hpp>

#include <sys/socket.h>
#include <array>
#include <string>
#include <vector>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;
using test::value_of;
using testing::HasSubstr;

/// What the error says; empty for a value.
template <typename T>
std::string message_of(const Result<T>& result) {
  return result ? "" : result.error().message();
}

std::uint16_t port_of(const UdpSocket& socket) {
  return value_of(socket.local()).port();
}

TEST(UdpSocket, a_message_is_answered_at_the_address_it_came_from) {
  auto server = value_of(UdpSocket::bind("", 0));
  auto client = value_of(UdpSocket::connect("", port_of(server)));
  EXPECT_EQ(value_of(server.local()).host(), "127.0.0.1");
  EXPECT_OK(client.send(bytes_of("ping")));
  std::array<std::byte, 16> buffer;
  const auto asked = value_of(server.receive_from(buffer));
  EXPECT_EQ(text_of(ByteSpan(buffer).first(asked.size)), "ping");
  EXPECT_EQ(asked.from, value_of(client.local()));
  EXPECT_OK(server.send_to(asked.from, bytes_of("pong")));
  const auto answered = value_of(client.receive_from(buffer));
  EXPECT_EQ(text_of(ByteSpan(buffer).first(answered.size)), "pong");
  EXPECT_EQ(answered.from, value_of(server.local()));
}

TEST(UdpSocket, keeps_messages_apart_even_empty_ones) {
  auto server = value_of(UdpSocket::bind("", 0));
  auto client = value_of(UdpSocket::connect("", port_of(server)));
  for (const char* message : {"one", "", "three"}) EXPECT_OK(client.send(bytes_of(message)));
  std::array<std::byte, 16> buffer;
  for (const std::size_t size : {3u, 0u, 5u}) EXPECT_EQ(value_of(server.receive_from(buffer)).size, size);
}

TEST(UdpSocket, a_message_that_does_not_fit_is_told_with_its_full_size) {
  auto server = value_of(UdpSocket::bind("", 0));
  auto client = value_of(UdpSocket::connect("", port_of(server)));
  EXPECT_OK(client.send(bytes_of("longer than four")));
  EXPECT_OK(client.send(bytes_of("next")));
  std::array<std::byte, 4> buffer;
  const auto cut = value_of(server.receive_from(buffer));
  EXPECT_TRUE(cut.truncated());
  EXPECT_EQ(cut.size, 4u);
  EXPECT_EQ(cut.full_size, 16u);
  EXPECT_FALSE(value_of(server.receive_from(buffer)).truncated());
}

TEST(UdpSocket, the_largest_message_passes_and_one_byte_more_is_refused) {
  auto server = value_of(UdpSocket::bind("", 0));
  auto client = value_of(UdpSocket::connect("", port_of(server)));
  const std::string largest(UdpSocket::max_datagram_size, 'x');
  EXPECT_OK(client.send(bytes_of(largest)));
  std::vector<std::byte> buffer(largest.size());
  EXPECT_EQ(value_of(server.receive_from(buffer)).full_size, largest.size());
  EXPECT_ERRC(Errc::message_too_large, client.send(bytes_of(largest + "x")));
  EXPECT_OK(client.send(bytes_of("the socket goes on")));
}

TEST(UdpSocket, a_full_mailbox_loses_messages_and_the_sender_is_not_told) {
  auto server = value_of(UdpSocket::bind("", 0));
  auto client = value_of(UdpSocket::connect("", port_of(server)));
  constexpr int sent = 10'000;
  const std::string message(1000, 'x');
  for (int i = 0; i < sent; ++i) ASSERT_OK(client.send(bytes_of(message)));
  std::array<std::byte, 1000> buffer;
  int received = 0;
  while (server.receive_from(buffer, Deadline::now())) ++received;
  EXPECT_GT(received, 0);
  EXPECT_LT(received, sent);
}

TEST(UdpSocket, a_wait_for_a_message_ends_with_its_deadline) {
  auto server = value_of(UdpSocket::bind("", 0));
  std::array<std::byte, 16> buffer;
  EXPECT_ERRC(Errc::timed_out, server.receive_from(buffer, Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, server.receive_from(buffer, Deadline::in(5ms)));
}

TEST(UdpSocket, a_connected_one_learns_that_nobody_is_there) {
  const std::uint16_t port = port_of(value_of(UdpSocket::bind("", 0)));
  auto client = value_of(UdpSocket::connect("", port));
  EXPECT_OK(client.send(bytes_of("ping")));  // the answer to it is the error
  std::array<std::byte, 16> buffer;
  EXPECT_ERRC(Errc::no_one_there, client.receive_from(buffer));
}

TEST(UdpSocket, a_port_in_use_is_not_shared_and_the_error_names_the_holder) {
  const auto first = value_of(UdpSocket::bind("", 0));
  const auto second = UdpSocket::bind("", port_of(first));
  EXPECT_ERRC(Errc::address_in_use, second);
  EXPECT_THAT(message_of(second), HasSubstr("process " + std::to_string(::getpid()) + " ("));
}

TEST(UdpSocket, works_over_ipv6_or_says_that_there_is_none) {
  auto server = UdpSocket::bind("::1", 0);
  if (!server) {
    EXPECT_ERRC(Errc::unsupported, server);
    EXPECT_THAT(message_of(server), HasSubstr("IPv6"));
    return;
  }
  auto client = value_of(UdpSocket::connect("::1", port_of(*server)));
  EXPECT_OK(client.send(bytes_of("ping")));
  std::array<std::byte, 16> buffer;
  EXPECT_TRUE(value_of(server->receive_from(buffer)).from.is_ipv6());
}

}  // namespace
}  // namespace tenon::os
