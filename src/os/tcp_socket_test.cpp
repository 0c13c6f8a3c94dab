#include <tenon/os/tcp_socket.hpp>

#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <thread>

#include "base/scope_exit.hpp"
#include "os/socket_inet.hpp"
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

struct Conversation {
  TcpSocket client, server;
};

Conversation converse(TcpListener& listener) {
  auto client = value_of(TcpSocket::connect(listener.endpoint().host(), listener.port()));
  auto server = value_of(listener.accept());
  return {std::move(client), std::move(server)};
}

Conversation converse() {
  auto listener = value_of(TcpListener::listen("", 0));
  return converse(listener);
}

std::string receive_text(TcpSocket& socket) {
  std::array<std::byte, 64> buffer;
  return std::string(text_of(ByteSpan(buffer).first(value_of(socket.receive_some(buffer)))));
}

int option_of(int fd, int level, int option) {
  int value = -1;
  socklen_t length = sizeof value;
  EXPECT_EQ(::getsockopt(fd, level, option, &value, &length), 0);
  return value;
}

TEST(TcpSocket, talks_both_ways_and_knows_both_addresses) {
  auto [client, server] = converse();
  EXPECT_OK(client.send_all(bytes_of("ping")));
  EXPECT_EQ(receive_text(server), "ping");
  EXPECT_OK(server.send_all(bytes_of("pong")));
  EXPECT_EQ(receive_text(client), "pong");
  EXPECT_EQ(value_of(client.local()), value_of(server.peer()));
  EXPECT_EQ(value_of(client.peer()), value_of(server.local()));
}

TEST(TcpSocket, descriptors_are_close_on_exec_and_never_block) {
  auto listener = value_of(TcpListener::listen("", 0));
  const auto [client, server] = converse(listener);
  for (const int fd : {listener.fd(), client.fd(), server.fd()}) {
    EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
    EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
  }
}

TEST(TcpSocket, a_host_may_be_a_name) {
  const auto listener = TcpListener::listen("localhost", 0);
  if (!listener) {  // a bare system without /etc/hosts does not know the name: then the error says so
    EXPECT_ERRC(Errc::not_found, listener);
    return;
  }
  EXPECT_OK(TcpSocket::connect("localhost", listener->port()));
}

TEST(TcpSocket, waits_end_with_their_deadline) {
  auto [client, server] = converse();
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::timed_out, client.receive_some(buffer, Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, client.receive_some(buffer, Deadline::in(5ms)));
  const std::string much(32 << 20, 'x');
  EXPECT_ERRC(Errc::timed_out, client.send_all(bytes_of(much), Deadline::in(5ms)));
}

TEST(TcpSocket, a_peer_that_shuts_down_is_read_to_the_end_and_can_still_be_answered) {
  auto [client, server] = converse();
  EXPECT_OK(client.send_all(bytes_of("last")));
  EXPECT_OK(client.shutdown_write());
  EXPECT_EQ(receive_text(server), "last");
  EXPECT_EQ(receive_text(server), "");
  EXPECT_OK(server.send_all(bytes_of("answer")));
  EXPECT_EQ(receive_text(client), "answer");
}

TEST(TcpSocket, a_peer_that_closes_without_reading_resets_and_raises_no_signal) {
  auto [client, server] = converse();
  EXPECT_OK(client.send_all(bytes_of("unread")));
  EXPECT_OK(wait_for(server.fd(), Wait::readable, Deadline::never()));
  {
    const TcpSocket gone = std::move(server);
  }
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::closed, client.receive_some(buffer));
  EXPECT_ERRC(Errc::closed, client.send_all(bytes_of("x")));  // SIGPIPE would end this process
}

TEST(TcpSocket, a_port_at_which_nobody_listens_is_no_one_there) {
  std::uint16_t port = value_of(TcpListener::listen("", 0)).port();
  const auto client = TcpSocket::connect("", port);
  EXPECT_ERRC(Errc::no_one_there, client);
  EXPECT_THAT(message_of(client), HasSubstr("start the listener first"));
  EXPECT_THAT(message_of(client), HasSubstr("127.0.0.1:" + std::to_string(port)));
}

TEST(TcpSocket, one_that_met_itself_is_recognised) {
  const Fd lonely(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto anywhere = value_of(InetEndpoint::resolve("", 0)).front();
  const auto size = static_cast<socklen_t>(anywhere.size());
  ASSERT_EQ(::bind(lonely.get(), static_cast<const sockaddr*>(anywhere.data()), size), 0);
  const auto itself = value_of(local_endpoint(lonely.get()));
  ASSERT_EQ(::connect(lonely.get(), static_cast<const sockaddr*>(itself.data()), size), 0);
  EXPECT_TRUE(is_connected_to_itself(lonely.get()));
  const auto [client, server] = converse();
  EXPECT_FALSE(is_connected_to_itself(client.fd()));
}

TEST(TcpSocket, an_unknown_host_is_not_found) {
  const auto client = TcpSocket::connect("no such host", 1);
  EXPECT_ERRC(Errc::not_found, client);
  EXPECT_THAT(message_of(client), HasSubstr("no such host:1"));
}

TEST(TcpSocket, options_reach_the_kernel) {
  auto [client, server] = converse();
  EXPECT_OK(client.set_no_delay(true));
  EXPECT_EQ(option_of(client.fd(), IPPROTO_TCP, TCP_NODELAY), 1);
  EXPECT_OK(client.set_no_delay(false));
  EXPECT_EQ(option_of(client.fd(), IPPROTO_TCP, TCP_NODELAY), 0);
  EXPECT_OK(client.set_keep_alive({.idle = 7s, .interval = 2s, .probes = 4}));
  EXPECT_EQ(option_of(client.fd(), SOL_SOCKET, SO_KEEPALIVE), 1);
  EXPECT_EQ(option_of(client.fd(), IPPROTO_TCP, TCP_KEEPIDLE), 7);
  EXPECT_EQ(option_of(client.fd(), IPPROTO_TCP, TCP_KEEPINTVL), 2);
  EXPECT_EQ(option_of(client.fd(), IPPROTO_TCP, TCP_KEEPCNT), 4);
  EXPECT_OK(client.set_user_timeout(1500ms));
  EXPECT_EQ(option_of(client.fd(), IPPROTO_TCP, TCP_USER_TIMEOUT), 1500);
  EXPECT_ERRC(Errc::invalid_argument, client.set_keep_alive({.idle = 0s}));
}

TEST(TcpListener, is_on_loopback_and_at_a_free_port_unless_told_otherwise) {
  const auto listener = value_of(TcpListener::listen("", 0));
  EXPECT_EQ(listener.endpoint().host(), "127.0.0.1");
  EXPECT_NE(listener.port(), 0);
  const auto everywhere = value_of(TcpListener::listen("0.0.0.0", 0));
  EXPECT_OK(TcpSocket::connect("127.0.0.1", everywhere.port()));
}

TEST(TcpListener, a_port_in_use_is_not_stolen_and_the_error_names_the_holder) {
  const auto listener = value_of(TcpListener::listen("", 0));
  const auto second = TcpListener::listen("", listener.port());
  EXPECT_ERRC(Errc::address_in_use, second);
  EXPECT_THAT(message_of(second), HasSubstr("process " + std::to_string(::getpid()) + " ("));
}

TEST(TcpListener, a_port_is_free_again_at_once_though_its_connections_linger) {
  std::uint16_t port = 0;
  {
    auto listener = value_of(TcpListener::listen("", 0));
    port = listener.port();
    auto [client, server] = converse(listener);
    EXPECT_OK(server.shutdown_write());  // the side that closes first keeps the port in TIME_WAIT
    EXPECT_EQ(receive_text(client), "");
  }
  EXPECT_OK(TcpListener::listen("", port));
}

TEST(TcpListener, an_address_of_another_machine_is_refused) {
  const auto listener = TcpListener::listen("192.0.2.1", 0);  // TEST-NET-1, RFC 5737
  EXPECT_ERRC(Errc::invalid_argument, listener);
  EXPECT_THAT(message_of(listener), HasSubstr("ip address"));
}

TEST(TcpListener, accept_ends_with_its_deadline_or_its_canceller) {
  auto listener = value_of(TcpListener::listen("", 0));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::in(5ms)));
  Canceller canceller = value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, listener.accept(Deadline::never().unless(canceller)));
}

TEST(TcpListener, out_of_descriptors_it_closes_one_connection_instead_of_staying_readable) {
  auto listener = value_of(TcpListener::listen("", 0));
  auto client = value_of(TcpSocket::connect("", listener.port()));
  {
    const Fd lowest_free(::fcntl(0, F_DUPFD_CLOEXEC, 0));
    rlimit before{};
    ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
    const rlimit few{static_cast<rlim_t>(lowest_free.get()), before.rlim_max};
    ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
    const base::ScopeExit restore([before] { ::setrlimit(RLIMIT_NOFILE, &before); });
    EXPECT_ERRC(Errc::resource_limit, listener.accept());
    EXPECT_ERRC(Errc::timed_out, wait_for(listener.fd(), Wait::readable, Deadline::now()));
  }
  EXPECT_EQ(receive_text(client), "");
  const auto next = value_of(TcpSocket::connect("", listener.port()));
  EXPECT_OK(listener.accept());
}

/// Whether a program may use ::1 here: not every container has it.
bool has_ipv6() {
  const Fd probe(::socket(AF_INET6, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  return probe && ::bind(probe.get(), reinterpret_cast<const sockaddr*>(&loopback), sizeof loopback) == 0;
}

TEST(TcpListener, works_over_ipv6_or_says_that_there_is_none) {
  auto listener = TcpListener::listen("::1", 0);
  if (!has_ipv6()) {
    EXPECT_ERRC(Errc::unsupported, listener);
    EXPECT_THAT(message_of(listener), HasSubstr("IPv6"));
    EXPECT_ERRC(Errc::unsupported, TcpSocket::connect("::1", 9));
    return;
  }
  auto [client, server] = converse(*listener);
  EXPECT_OK(client.send_all(bytes_of("ping")));
  EXPECT_EQ(receive_text(server), "ping");
  EXPECT_TRUE(value_of(client.local()).is_ipv6());
  auto both = value_of(TcpListener::listen("::", 0));
  EXPECT_OK(TcpSocket::connect("127.0.0.1", both.port()));
  EXPECT_EQ(value_of(value_of(both.accept()).peer()).host(), "::ffff:127.0.0.1");
}

TEST(InetEndpoint, is_written_as_people_write_it) {
  EXPECT_EQ(value_of(InetEndpoint::resolve("", 80)).front().to_string(), "127.0.0.1:80");
  EXPECT_EQ(value_of(InetEndpoint::resolve("::1", 65535)).front().to_string(), "[::1]:65535");
  EXPECT_EQ(value_of(InetEndpoint::resolve("[::1]", 1)).front().host(), "::1");
  EXPECT_TRUE(InetEndpoint().empty());
  EXPECT_EQ(InetEndpoint().host(), "");
}

}  // namespace
}  // namespace tenon::os
