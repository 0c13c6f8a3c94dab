// Conversations over Unix sockets: bytes, boundaries, descriptors, credentials, ends. Places are in
// socket_name_test.cpp.
#include <tenon/os/unix_socket.hpp>

#include <fcntl.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <thread>

#include "base/scope_exit.hpp"
#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;
using test::value_of;

/// What the error says; empty for a value.
template <typename T>
std::string message_of(const Result<T>& result) {
  return result ? "" : result.error().message();
}

std::string abstract_place(const char* name) {
  return "@tenon-test-" + std::to_string(::getpid()) + "-" + name;
}

std::string receive_text(UnixSocket& socket) {
  std::array<std::byte, 64> buffer;
  return std::string(text_of(ByteSpan(buffer).first(value_of(socket.receive_some(buffer)))));
}

short events_of(int fd) {
  pollfd look{fd, POLLIN | POLLOUT, 0};
  EXPECT_GE(::poll(&look, 1, 0), 0);
  return look.revents;
}

ino_t inode_of(int fd) {
  struct stat status{};
  EXPECT_EQ(::fstat(fd, &status), 0);
  return status.st_ino;
}

/// The soft limit of descriptors lowered so that exactly `left` are free, until the end of the scope.
auto with_descriptors_left(rlim_t left) {
  const Fd lowest_free(::fcntl(0, F_DUPFD_CLOEXEC, 0));
  rlimit before{};
  EXPECT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  const rlimit few{static_cast<rlim_t>(lowest_free.get()) + left, before.rlim_max};
  EXPECT_EQ(::setrlimit(RLIMIT_NOFILE, &few), 0);
  return base::ScopeExit([before] { ::setrlimit(RLIMIT_NOFILE, &before); });
}

TEST(UnixSocket, a_pair_talks_both_ways) {
  auto [one, other] = value_of(UnixSocket::pair());
  EXPECT_OK(one.send_all(bytes_of("ping")));
  EXPECT_EQ(receive_text(other), "ping");
  EXPECT_OK(other.send_all(bytes_of("pong")));
  EXPECT_EQ(receive_text(one), "pong");
}

TEST(UnixSocket, descriptors_are_close_on_exec_and_never_block) {
  auto listener = value_of(UnixListener::listen(abstract_place("flags")));
  const auto client = value_of(UnixSocket::connect(listener.place()));
  const auto server = value_of(listener.accept());
  for (const int fd : {listener.fd(), client.fd(), server.fd()}) {
    EXPECT_TRUE(::fcntl(fd, F_GETFD) & FD_CLOEXEC);
    EXPECT_TRUE(::fcntl(fd, F_GETFL) & O_NONBLOCK);
  }
}

TEST(UnixSocket, a_wait_for_bytes_ends_with_its_deadline_or_its_canceller) {
  auto [one, other] = value_of(UnixSocket::pair());
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::timed_out, one.receive_some(buffer, Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, one.receive_some(buffer, Deadline::in(5ms)));
  Canceller canceller = value_of(Canceller::create());
  canceller.cancel();
  EXPECT_ERRC(Errc::cancelled, one.receive_some(buffer, Deadline::never().unless(canceller)));
}

TEST(UnixSocket, a_full_stream_makes_send_wait_until_its_deadline) {
  auto [one, other] = value_of(UnixSocket::pair());
  const std::string much(4 << 20, 'x');
  EXPECT_ERRC(Errc::timed_out, one.send_all(bytes_of(much), Deadline::in(5ms)));
}

TEST(UnixSocket, sending_to_a_peer_that_is_gone_is_an_error_and_no_signal) {
  auto [one, other] = value_of(UnixSocket::pair());
  {
    const UnixSocket gone = std::move(other);
  }
  EXPECT_ERRC(Errc::closed, one.send_all(bytes_of("ping")));  // SIGPIPE would end this process
}

TEST(UnixSocket, a_peer_that_is_gone_hangs_up_after_its_bytes) {
  auto [one, other] = value_of(UnixSocket::pair());
  EXPECT_OK(other.send_all(bytes_of("last")));
  {
    const UnixSocket gone = std::move(other);
  }
  EXPECT_TRUE(events_of(one.fd()) & POLLHUP);
  EXPECT_EQ(receive_text(one), "last");
  EXPECT_EQ(receive_text(one), "");
}

TEST(UnixSocket, a_peer_that_closes_without_reading_resets_the_connection) {
  auto [one, other] = value_of(UnixSocket::pair());
  EXPECT_OK(one.send_all(bytes_of("unread")));
  {
    const UnixSocket gone = std::move(other);
  }
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::closed, one.receive_some(buffer));
}

TEST(UnixSocket, the_peer_hangs_up_when_its_process_is_killed) {
  auto [ours, theirs] = value_of(UnixSocket::pair());
  const pid_t child = ::fork();
  if (child == 0) {
    (void)ours.release();
    ::pause();
    ::_exit(0);
  }
  {
    const UnixSocket only_in_the_child_now = std::move(theirs);
  }
  EXPECT_FALSE(events_of(ours.fd()) & POLLHUP);
  EXPECT_EQ(::kill(child, SIGKILL), 0);
  std::array<std::byte, 1> buffer;
  EXPECT_EQ(value_of(ours.receive_some(buffer)), 0u);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST(UnixSocket, shutting_one_direction_leaves_the_other) {
  auto [one, other] = value_of(UnixSocket::pair());
  EXPECT_OK(one.shutdown_write());
  EXPECT_EQ(receive_text(other), "");
  EXPECT_OK(other.send_all(bytes_of("still here")));
  EXPECT_EQ(receive_text(one), "still here");
  EXPECT_OK(one.shutdown_read());
  EXPECT_ERRC(Errc::closed, other.send_all(bytes_of("too late")));
}

TEST(UnixSocket, seqpacket_keeps_message_boundaries) {
  auto listener = value_of(UnixListener::listen(abstract_place("packets"), {.type = SocketType::seqpacket}));
  auto client = value_of(UnixSocket::connect(listener.place(), SocketType::seqpacket));
  auto server = value_of(listener.accept());
  for (const char* message : {"one", "two and more", "3"}) EXPECT_OK(client.send_all(bytes_of(message)));
  EXPECT_EQ(receive_text(server), "one");
  EXPECT_EQ(receive_text(server), "two and more");
  EXPECT_EQ(receive_text(server), "3");
}

TEST(UnixSocket, a_packet_that_does_not_fit_is_an_error_and_the_next_one_is_whole) {
  auto [one, other] = value_of(UnixSocket::pair(SocketType::seqpacket));
  EXPECT_OK(one.send_all(bytes_of("longer than four")));
  EXPECT_OK(one.send_all(bytes_of("next")));
  std::array<std::byte, 4> buffer;
  EXPECT_ERRC(Errc::buffer_too_small, other.receive_some(buffer));
  EXPECT_EQ(value_of(other.receive_some(buffer)), 4u);
  EXPECT_EQ(text_of(buffer), "next");
}

TEST(UnixSocket, a_packet_beyond_the_send_buffer_is_refused_and_the_limit_is_named) {
  auto [one, other] = value_of(UnixSocket::pair(SocketType::seqpacket));
  int room = 0;
  socklen_t length = sizeof room;
  ASSERT_EQ(::getsockopt(one.fd(), SOL_SOCKET, SO_SNDBUF, &room, &length), 0);
  const std::string much(static_cast<std::size_t>(room) + 1, 'x');
  const auto sent = one.send_some(bytes_of(much));
  EXPECT_ERRC(Errc::message_too_large, sent);
  EXPECT_THAT(message_of(sent), testing::HasSubstr(std::to_string(room)));
  EXPECT_OK(one.send_all(bytes_of("fits")));
  EXPECT_EQ(receive_text(other), "fits");
}

TEST(UnixSocket, datagrams_are_answered_at_the_place_they_came_from) {
  auto server = value_of(UnixSocket::bind(abstract_place("mailbox")));
  auto client = value_of(UnixSocket::bind());
  EXPECT_OK(client.send_to(server.place(), bytes_of("ping")));
  std::array<std::byte, 16> buffer;
  const auto received = value_of(server.receive_from(buffer));
  EXPECT_EQ(received.size, 4u);
  EXPECT_EQ(received.from, client.place());
  EXPECT_OK(server.send_to(received.from, bytes_of("pong")));
  EXPECT_EQ(receive_text(client), "pong");
}

TEST(UnixSocket, a_mailbox_that_is_full_makes_senders_wait_until_their_deadline) {
  auto server = value_of(UnixSocket::bind(abstract_place("full")));
  auto stranger = value_of(UnixSocket::bind());
  auto connected = value_of(UnixSocket::connect(server.place(), SocketType::datagram));
  Result<void> sent{};
  while (sent) sent = stranger.send_to(server.place(), bytes_of("x"), Deadline::now());
  EXPECT_ERRC(Errc::timed_out, sent);
  EXPECT_ERRC(Errc::timed_out, stranger.send_to(server.place(), bytes_of("x"), Deadline::in(5ms)));
  EXPECT_ERRC(Errc::timed_out, connected.send_some(bytes_of("x"), Deadline::in(5ms)));
  EXPECT_EQ(receive_text(server), "x");
}

TEST(UnixSocket, an_unknown_mailbox_is_no_one_there) {
  auto client = value_of(UnixSocket::bind());
  EXPECT_ERRC(Errc::no_one_there, client.send_to(abstract_place("nobody"), bytes_of("x")));
}

TEST(UnixSocket, a_descriptor_travels_and_is_the_same_open_file) {
  auto [one, other] = value_of(UnixSocket::pair());
  const auto [given, far_end] = value_of(UnixSocket::pair());
  const std::array fds{given.fd()};
  EXPECT_EQ(value_of(one.send_with_descriptors(bytes_of("take"), fds)), 4u);
  std::vector<Fd> taken;
  std::array<std::byte, 16> buffer;
  EXPECT_EQ(value_of(other.receive_with_descriptors(buffer, taken)), 4u);
  ASSERT_EQ(taken.size(), 1u);
  EXPECT_EQ(inode_of(taken[0].get()), inode_of(given.fd()));
  EXPECT_TRUE(::fcntl(taken[0].get(), F_GETFD) & FD_CLOEXEC);
}

TEST(UnixSocket, as_many_descriptors_as_promised_go_with_one_message_and_not_one_more) {
  auto [one, other] = value_of(UnixSocket::pair());
  const std::array<int, UnixSocket::max_descriptors> most{0, 1, 2, one.fd()};
  EXPECT_OK(one.send_with_descriptors(bytes_of("four"), most));
  std::vector<Fd> taken;
  std::array<std::byte, 16> buffer;
  EXPECT_OK(other.receive_with_descriptors(buffer, taken));
  EXPECT_EQ(taken.size(), most.size());
  const std::array<int, UnixSocket::max_descriptors + 1> too_many{};
  EXPECT_ERRC(Errc::invalid_argument, one.send_with_descriptors(bytes_of("five"), too_many));
  EXPECT_ERRC(Errc::invalid_argument, one.send_with_descriptors({}, most));
}

/// A sendmsg(2) that does not keep to our limit.
void send_descriptors_rudely(int socket, std::size_t count) {
  std::byte byte{};
  iovec part{&byte, 1};
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(64 * sizeof(int))> control{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.data();
  message.msg_controllen = CMSG_LEN(count * sizeof(int));
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(count * sizeof(int));  // zeros: standard input, again and again
  ASSERT_EQ(::sendmsg(socket, &message, 0), 1);
}

TEST(UnixSocket, a_peer_that_sends_too_many_descriptors_breaks_the_rules_and_none_stays_open) {
  auto [one, other] = value_of(UnixSocket::pair());
  std::vector<Fd> taken;
  std::array<std::byte, 1> buffer;
  for (const std::size_t count : {5u, 6u, 64u}) {
    send_descriptors_rudely(one.fd(), count);
    EXPECT_ERRC(Errc::protocol_violation, other.receive_with_descriptors(buffer, taken));
    EXPECT_TRUE(taken.empty());  // the leak check counts what the process has open
  }
  send_descriptors_rudely(one.fd(), 64);
  EXPECT_EQ(value_of(other.receive_some(buffer)), 1u);  // who does not ask for descriptors gets none
}

TEST(UnixSocket, a_descriptor_for_which_there_is_no_room_is_told_as_such) {
  auto [one, other] = value_of(UnixSocket::pair());
  const std::array<int, 2> two{0, 1};
  EXPECT_OK(one.send_with_descriptors(bytes_of("x"), two));
  std::vector<Fd> taken;
  std::array<std::byte, 1> buffer;
  Result<std::size_t> received = 0;
  {
    const auto limit = with_descriptors_left(1);
    received = other.receive_with_descriptors(buffer, taken);
  }
  EXPECT_ERRC(Errc::resource_limit, received);
  EXPECT_THAT(message_of(received), testing::HasSubstr("ulimit -n"));
  EXPECT_TRUE(taken.empty());
}

TEST(UnixSocket, knows_who_connected_and_not_who_holds_the_socket) {
  auto listener = value_of(UnixListener::listen(abstract_place("credentials")));
  auto [go, wait_here] = value_of(UnixSocket::pair());
  const pid_t child = ::fork();
  if (child == 0) {
    const auto connected = UnixSocket::connect(listener.place());
    std::array<std::byte, 1> buffer;
    (void)wait_here.receive_some(buffer);
    ::_exit(connected ? 0 : 1);
  }
  const auto server = value_of(listener.accept());
  const PeerCredentials peer = value_of(server.peer_credentials());
  EXPECT_EQ(peer.pid, child);
  EXPECT_EQ(peer.uid, ::geteuid());
  EXPECT_EQ(peer.gid, ::getegid());
  const Fd alive = value_of(server.peer_pidfd());
  EXPECT_ERRC(Errc::timed_out, wait_for(alive.get(), Wait::readable, Deadline::now()));
  EXPECT_OK(go.send_all(bytes_of("x")));
  EXPECT_OK(wait_for(alive.get(), Wait::readable, Deadline::never()));
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
}

TEST(UnixSocket, has_no_credentials_without_a_peer) {
  const auto mailbox = value_of(UnixSocket::bind());
  EXPECT_ERRC(Errc::unsupported, mailbox.peer_credentials());
}

TEST(UnixListener, a_full_queue_of_connections_is_waited_for) {
  auto listener = value_of(UnixListener::listen(abstract_place("queue"), {.backlog = 0}));
  const auto first = value_of(UnixSocket::connect(listener.place()));
  const auto refused = UnixSocket::connect(listener.place(), SocketType::stream, Deadline::in(5ms));
  EXPECT_ERRC(Errc::timed_out, refused);
  EXPECT_THAT(message_of(refused), testing::HasSubstr("queue"));
  std::jthread accepting([&] {
    EXPECT_OK(listener.accept());
    EXPECT_OK(listener.accept());
  });
  EXPECT_OK(UnixSocket::connect(listener.place()));
}

TEST(UnixListener, accept_ends_with_its_deadline_or_its_canceller) {
  auto listener = value_of(UnixListener::listen(abstract_place("deadline")));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::in(5ms)));
  Canceller canceller = value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, listener.accept(Deadline::never().unless(canceller)));
}

TEST(UnixListener, out_of_descriptors_it_closes_one_connection_instead_of_staying_readable) {
  auto listener = value_of(UnixListener::listen(abstract_place("exhausted")));
  auto client = value_of(UnixSocket::connect(listener.place()));
  {
    const auto limit = with_descriptors_left(0);
    EXPECT_ERRC(Errc::resource_limit, listener.accept());
    EXPECT_ERRC(Errc::timed_out, wait_for(listener.fd(), Wait::readable, Deadline::now()));
  }
  EXPECT_EQ(receive_text(client), "");
  const auto next = value_of(UnixSocket::connect(listener.place()));
  EXPECT_OK(listener.accept());
}

}  // namespace
}  // namespace tenon::os
