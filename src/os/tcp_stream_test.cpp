#include "os/tcp_stream.hpp"

#include <net/if.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sched.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cstring>
#include <optional>

#include "support/child_process.hpp"
#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;
using namespace test;
using testing::HasSubstr;

Deadline soon() {
  return Deadline::in(20s);
}

using Stream = std::unique_ptr<ByteStream>;
using Bytes = std::vector<std::byte>;

std::pair<Stream, Stream> converse(const TcpStreamOptions& options = {}) {
  auto listener = value_of(TcpListener::listen("", 0));
  auto client = value_of(TcpSocket::connect("", listener.port(), soon()));
  auto server = value_of(listener.accept(soon()));
  return {value_of(TcpStream::create(std::move(client), options)),
          value_of(TcpStream::create(std::move(server), options))};
}

Transfer write(ByteStream& stream, std::size_t size) {
  static Bytes bytes(1 << 20);
  const Slice slice{bytes.data(), std::min(size, bytes.size())};
  return stream.write({&slice, 1}, {});
}

Transfer read(ByteStream& stream) {
  static Bytes bytes(1 << 20);
  std::vector<Fd> none;
  const Slice slice{bytes.data(), bytes.size()};
  return stream.read({&slice, 1}, none);
}

/// Until the buffers of both ends are full; how many bytes.
std::size_t fill(ByteStream& stream) {
  std::size_t total = 0;
  do {
    for (Transfer done = write(stream, 1 << 20); done.error == 0; done = write(stream, 1 << 20))
      total += done.count;
  } while (wait_for(stream.write_fd(), Wait::writable, Deadline::in(50ms)));
  return total;
}

/// Reads to the end; how many bytes.
std::size_t drink(ByteStream& stream) {
  std::size_t total = 0;
  for (;;) {
    const Transfer got = read(stream);
    total += got.count;
    if (got.would_block() && stream.wait(Wait::readable, soon())) continue;
    if (got.count == 0) return total;
  }
}

/// A network of its own for this process, in which nothing but loopback exists; false where that is not allowed.
bool has_own_network() {
  return ::unshare(::geteuid() == 0 ? CLONE_NEWNET : CLONE_NEWUSER | CLONE_NEWNET) == 0;
}

void set_loopback(bool up) {
  const Fd socket(::socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  ifreq request{};
  std::strcpy(request.ifr_name, "lo");
  request.ifr_flags = static_cast<short>(up ? IFF_UP : 0);
  ASSERT_EQ(::ioctl(socket.get(), SIOCSIFFLAGS, &request), 0);
}

/// Two ends between which the cable is cut: after `prepare`, no packet arrives any more. Then the one end does what `speak` says.
template <typename Prepare, typename Speak>
void lose_the_peer_after(Prepare prepare, Speak speak) {
  ChildProcess child([&] {
    if (!has_own_network()) return 77;
    set_loopback(true);
    auto [stream, peer] = converse({.dead_after = 1s});
    prepare(*stream);
    set_loopback(false);
    speak(*stream);
    EXPECT_OK(stream->wait(Wait::readable, soon()));
    EXPECT_FALSE(read(*stream).would_block());
    EXPECT_EQ(read(*stream).count, 0u);
    EXPECT_TRUE(write(*stream, 10).broken());
    return 0;
  });
  const int ended = child.wait();
  if (ended == 77) {  // neither root nor allowed to make a network: then the kernel's part alone can be seen
    auto [stream, peer] = converse({.dead_after = 4s});
    int idle = 0;
    socklen_t size = sizeof idle;
    EXPECT_EQ(::getsockopt(stream->read_fd(), IPPROTO_TCP, TCP_KEEPIDLE, &idle, &size), 0);
    EXPECT_EQ(idle, 1);
    return;
  }
  EXPECT_EQ(ended, 0);
}

TEST(TcpStream, a_machine_that_is_gone_is_noticed_while_something_is_on_its_way) {
  lose_the_peer_after([](ByteStream&) {}, [](ByteStream& stream) { write(stream, 10); });
}

TEST(TcpStream, a_machine_that_is_gone_is_noticed_while_its_buffer_is_full) {
  lose_the_peer_after([](ByteStream& stream) { fill(stream); }, [](ByteStream&) {});
}

TEST(TcpStream, a_machine_that_is_gone_is_noticed_when_nothing_is_said) {
  lose_the_peer_after([](ByteStream&) {}, [](ByteStream&) {});
}

TEST(TcpStream, a_peer_that_does_not_read_is_not_gone) {
  auto [stream, peer] = converse({.dead_after = 1s});
  const std::size_t sent = fill(*stream);
  EXPECT_ERRC(Errc::timed_out, stream->wait(Wait::readable, Deadline::in(3s)));
  stream->finish();
  EXPECT_EQ(drink(*peer), sent);
}

TEST(TcpStream, closing_with_unread_bytes_loses_none_of_its_own_once_drained) {
  auto [stream, peer] = converse();
  EXPECT_EQ(write(*peer, 1000).count, 1000u);
  EXPECT_EQ(write(*stream, 100'000).count, 100'000u);
  stream->finish();
  EXPECT_OK(stream->drain(soon()));
  EXPECT_EQ(write(*peer, 1000).count, 1000u);
  stream->close();
  EXPECT_EQ(drink(*peer), 100'000u);
}

TEST(TcpStream, drain_says_what_the_peer_has_not_got_and_the_kernel_goes_on) {
  auto [stream, peer] = converse();
  const std::size_t sent = fill(*stream);
  stream->finish();
  const auto drained = stream->drain(Deadline::in(5ms));
  ASSERT_TRUE(is_error(Errc::timed_out, drained));
  EXPECT_THAT(drained.error().message(), HasSubstr("are lost if the peer sends more"));
  stream->close();
  EXPECT_EQ(drink(*peer), sent);
}

TEST(TcpStream, drain_ends_at_once_when_the_peer_is_done) {
  auto [stream, peer] = converse();
  fill(*stream);
  stream->finish();
  peer->close();
  EXPECT_OK(stream->drain(Deadline::now()));
}

TEST(TcpStream, tells_that_the_peer_has_ended_its_direction) {
  auto [stream, peer] = converse();
  EXPECT_FALSE(stream->peer_has_ended());
  EXPECT_EQ(write(*peer, 1).count, 1u);
  peer->finish();
  EXPECT_TRUE(stream->peer_has_ended());
}

TEST(TcpStream, a_capacity_beyond_the_kernels_limit_is_refused_by_name) {
  auto listener = value_of(TcpListener::listen("", 0));
  auto client = value_of(TcpSocket::connect("", listener.port(), soon()));
  const auto made = TcpStream::create(std::move(client), {.capacity = 1 << 30});
  ASSERT_FALSE(made.has_value());
  EXPECT_EQ(made.error().code(), Errc::resource_limit);
  EXPECT_THAT(made.error().message(), HasSubstr("net/core/wmem_max"));
}

}  // namespace
}  // namespace tenon::os
