// Channels over packets: boundaries, limits and endings, over a pair of datagram sockets and over a port of the
// test's own.
#include <array>
#include <cerrno>
#include <deque>
#include <thread>

#include <tenon/os/eventfd.hpp>
#include <tenon/os/unix_socket.hpp>

#include "channel/packet_endpoint.hpp"
#include "os/datagram_port.hpp"
#include "support/expect.hpp"
#include "support/faults.hpp"
#include "support/meeting.hpp"

namespace tenon {
namespace {

using namespace test;
using namespace std::chrono_literals;

constexpr std::size_t largest = 20'000;
constexpr Traits packet_traits{{Trait::message_boundaries, Trait::carries_descriptors}, 0};

Deadline soon() {
  return Deadline::in(20s);
}

Channel channel_over(std::unique_ptr<os::PacketPort> port) {
  return Channel(make_packet_endpoint(value_of(Address::parse("test:")),
                                      {std::move(port), {}, "the test says so"}, packet_traits, {}));
}

std::pair<Channel, Channel> pair() {
  auto [one, other] = value_of(os::UnixSocket::pair(os::SocketType::datagram));
  return {channel_over(std::make_unique<os::DatagramPort>(one.release(), largest)),
          channel_over(std::make_unique<os::DatagramPort>(other.release(), largest))};
}

/// What it receives is laid down beforehand; each entry is a packet or an errno.
class ScriptedPort final : public os::PacketPort {
 public:
  explicit ScriptedPort(std::deque<int> script) : script_(std::move(script)) {}
  os::Transfer send(ByteView, std::span<const int>) noexcept override {
    return broken ? os::Transfer{0, ECONNREFUSED} : os::Transfer{};
  }
  os::Transfer receive(ByteSpan into, std::vector<os::Fd>&) noexcept override {
    if (script_.empty()) return {0, EAGAIN};
    const int next = script_.front();
    script_.pop_front();
    if (next > 0) return {0, next};
    into[0] = static_cast<std::byte>('a' - next);
    return {1, 0};
  }
  std::size_t max_packet() const noexcept override { return 8; }
  void close() noexcept override {}
  int read_fd() const noexcept override { return always_readable_.fd(); }
  int write_fd() const noexcept override { return always_readable_.fd(); }

  bool broken = false;

 private:
  std::deque<int> script_;
  os::EventFd always_readable_ = value_of(os::EventFd::create(1));
};

constexpr int a = 0, b = -1, c = -2;  // packets that say so

TEST(PacketEndpoint, keeps_the_boundaries_of_packets_empty_ones_too) {
  auto [near, far] = pair();
  for (const std::size_t size : {std::size_t{0}, std::size_t{1}, std::size_t{1000}, largest}) {
    EXPECT_OK(near.send(pattern(size, size), soon()));
    const Message message = value_of(far.borrow(soon()));
    ASSERT_EQ(message.size(), size);
    EXPECT_TRUE(is_pattern(message.bytes(), size));
  }
  const std::array<ByteView, 3> three{bytes_of("one"), bytes_of(""), bytes_of("three")};
  EXPECT_EQ(value_of(near.send_many(three, soon())), 3u);
  std::array<Message, 5> some;
  EXPECT_EQ(value_of(far.borrow_many(some, soon())), 3u);
  EXPECT_EQ(some[2].text(), "three");
  EXPECT_EQ(near.statistics().sent.messages, 7u);
  EXPECT_EQ(far.statistics().received.messages, 7u);
}

TEST(PacketEndpoint, names_the_limit_of_the_mechanism) {
  auto [near, far] = pair();
  const auto refused = near.send(pattern(largest + 1, 1));
  ASSERT_TRUE(is_error(Errc::message_too_large, refused));
  EXPECT_THAT(refused.error().message(),
              testing::HasSubstr("20001 bytes, the maximum is 20000: the test says"));
  EXPECT_ERRC(Errc::message_too_large, near.loan(largest + 1));
  EXPECT_OK(near.send("small"));
  EXPECT_EQ(value_of(far.borrow(soon())).text(), "small");
}

TEST(PacketEndpoint, waits_for_room_and_gives_up_at_the_deadline) {
  auto [near, far] = pair();
  std::uint64_t sent = 0;
  while (near.send(pattern(5000, sent), Deadline::now())) ++sent;
  EXPECT_ERRC(Errc::timed_out, near.send(pattern(5000, sent), Deadline::in(2ms)));
  std::jthread last([&, &channel = near] { EXPECT_OK(channel.send("last", soon())); });
  for (std::uint64_t i = 0; i < sent; ++i) ASSERT_TRUE(is_pattern(value_of(far.borrow(soon())).bytes(), i));
  EXPECT_EQ(value_of(far.borrow(soon())).text(), "last");
}

TEST(PacketEndpoint, carries_descriptors_where_traits_say_so) {
  auto [near, far] = pair();
  const std::array<int, 2> two{0, 1};
  EXPECT_OK(near.send(bytes_of("two"), two, soon()));
  EXPECT_OK(near.send("none"));
  EXPECT_EQ(value_of(far.borrow(soon())).descriptors().size(), 2u);
  EXPECT_TRUE(value_of(far.borrow(soon())).descriptors().empty());
}

TEST(PacketEndpoint, lends_one_message_at_a_time) {
  auto [near, far] = pair();
  Loan loan = value_of(near.loan(10));
  EXPECT_ERRC(Errc::invalid_argument, near.loan(10));
  std::ranges::copy(bytes_of("0123456789"), loan.bytes().begin());
  EXPECT_OK(loan.commit(4));
  EXPECT_EQ(value_of(far.borrow(soon())).text(), "0123");
}

TEST(PacketEndpoint, keeps_messages_that_are_held) {
  auto [near, far] = pair();
  std::vector<Message> held;
  for (std::uint64_t i = 0; i < 200; ++i) {
    EXPECT_OK(near.send(pattern(i * 50, i), soon()));
    held.push_back(value_of(far.borrow(soon())));
    if (i % 3 == 0) held.erase(held.begin());
  }
  for (std::uint64_t i = 0; i < held.size(); ++i)
    EXPECT_TRUE(is_pattern(held[i].bytes(), held[i].size() / 50)) << i;
}

TEST(PacketEndpoint, delivers_what_came_before_an_error_and_then_the_end) {
  Channel ended = channel_over(std::make_unique<ScriptedPort>(std::deque<int>{a, b, EPIPE}));
  EXPECT_EQ(value_of(ended.borrow()).text(), "a");
  EXPECT_EQ(value_of(ended.borrow()).text(), "b");
  for (int i = 0; i < 2; ++i) EXPECT_ERRC(Errc::closed, ended.borrow());
  EXPECT_OK(ended.send("x"));  // it has finished sending, and may still listen

  Channel refused = channel_over(std::make_unique<ScriptedPort>(std::deque<int>{a, ECONNREFUSED, b, EAGAIN}));
  EXPECT_EQ(value_of(refused.borrow()).text(), "a");
  EXPECT_EQ(value_of(refused.borrow()).text(), "b");
  for (int i = 0; i < 2; ++i) EXPECT_ERRC(Errc::peer_died, refused.borrow());
  EXPECT_ERRC(Errc::peer_died, refused.send("x"));

  Channel cut = channel_over(std::make_unique<ScriptedPort>(std::deque<int>{a, EBADMSG, b}));
  EXPECT_OK(cut.borrow());
  EXPECT_ERRC(Errc::protocol_violation, cut.borrow());
  EXPECT_ERRC(Errc::protocol_violation, cut.send("x"));

  Channel failing = channel_over(std::make_unique<ScriptedPort>(std::deque<int>{EIO, a}));
  EXPECT_ERRC(Errc::system_error, failing.borrow());
  EXPECT_EQ(value_of(failing.borrow()).text(), "a");  // that one passes
}

TEST(PacketEndpoint, a_sender_that_finds_the_peer_gone_learns_how_and_loses_nothing) {
  for (const auto& [last, code] : {std::pair{EPIPE, Errc::closed}, std::pair{EAGAIN, Errc::peer_died}}) {
    auto port = std::make_unique<ScriptedPort>(std::deque<int>{a, b, c, last});
    port->broken = true;
    Channel channel = channel_over(std::move(port));
    const int fd = value_of(channel.poll_fd());
    EXPECT_ERRC(code, channel.send("x"));
    EXPECT_ERRC(code, channel.send("x"));
    for (const char* text : {"a", "b", "c"}) {
      EXPECT_OK(os::wait_for(fd, os::Wait::readable, Deadline::now()));
      EXPECT_EQ(value_of(channel.borrow(Deadline::now())).text(), text);
    }
    EXPECT_ERRC(code, channel.borrow());
  }
}

TEST(PacketEndpoint, a_buffer_that_is_too_small_loses_nothing) {
  auto [near, far] = pair();
  EXPECT_OK(near.send("too long"));
  EXPECT_OK(near.send("next"));
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::buffer_too_small, far.receive(std::span(buffer).first(3), soon()));
  EXPECT_EQ(value_of(far.receive(buffer, soon())), 8u);
  EXPECT_EQ(value_of(far.borrow(soon())).text(), "next");
}

TEST(PacketEndpoint, allocates_nothing_once_it_runs) {
  auto [near, far] = pair();
  const auto payload = pattern(1000, 1);
  Message held;  // while the next one is received
  const auto exchange = [&, &from = near, &to = far] {
    if (!from.send(payload, Deadline::now())) return false;
    auto message = to.borrow(Deadline::now());
    if (message) held = std::move(*message);
    return message.has_value();
  };
  for (int i = 0; i < 2000; ++i) ASSERT_TRUE(exchange());
  bool all = true;
  const Faults faults = Faults::in_allocation(1);
  for (int i = 0; i < 2000; ++i) all = exchange() && all;
  EXPECT_FALSE(faults.happened());
  EXPECT_TRUE(all);
}

}  // namespace
}  // namespace tenon
