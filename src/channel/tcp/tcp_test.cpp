// What only tcp: does: its addresses, and peers that may be anyone. The promises are in conformance_*_test.cpp.
#include <array>
#include <thread>

#include "channel/conformance_test.hpp"
#include "channel/host_port.hpp"
#include "channel/stream.hpp"
#include "support/free_port.hpp"
#include "wire/frame.hpp"
#include "wire/hello.hpp"

namespace tenon {
namespace {

using namespace test;
using testing::EndsWith;
using testing::HasSubstr;
using testing::StartsWith;

HostPort place_of(const std::string& address) {
  return value_of(HostPort::from(value_of(Address::parse(address))));
}

TEST(TcpAddress, has_a_host_in_several_forms) {
  EXPECT_EQ(place_of("tcp:localhost:80").to_string(), "localhost:80");
  EXPECT_EQ(place_of("tcp:10.0.0.1:65535").to_string(), "10.0.0.1:65535");
  EXPECT_EQ(place_of("tcp:[fe80::1%25eth0]:80").to_string(), "[fe80::1%eth0]:80");
  EXPECT_EQ(place_of("tcp::7000").to_string(), "127.0.0.1:7000");
  EXPECT_EQ(place_of("tcp:7000").to_string(), "127.0.0.1:7000");
  EXPECT_EQ(place_of("udp:0").to_string(), "127.0.0.1:0");
}

TEST(TcpAddress, that_makes_no_sense_is_refused_with_what_would_be_right) {
  const auto says = [](std::string_view address, std::string_view part) {
    const auto result = listen(address);
    EXPECT_TRUE(is_error(Errc::invalid_argument, result)) << address;
    EXPECT_THAT(result.error().message(), HasSubstr(std::string(part)));
  };
  says("tcp:", "tcp:127.0.0.1:7000");
  says("tcp:localhost", "tcp:localhost:7000");
  says("tcp:::1:7000", "tcp:[::1]:7000");
  says("tcp:[::1]", "tcp:[::1]:7000");
  says("tcp:[::1]7000", "tcp:[::1]:7000");
  says("tcp:[::1", "tcp:[::1]:7000");
  says("tcp:[]:7000", "tcp:[::1]:7000");
  says("tcp:localhost:", "from 0 to 65535");
  says("tcp:localhost:http", "from 0 to 65535");
  says("tcp:65536", "from 0 to 65535");
  says("tcp::0?dead-after=3s", "from 4s");
  says("tcp::0?dead-after=4500ms", "whole seconds");
  says("tcp::0?frame-timeout=soon", "frame-timeout");
  says("tcp::0?capacity=0", "capacity");
  says("tcp::0?mode=0600", "there is no option 'mode'");
  EXPECT_ERRC(Errc::invalid_argument, connect("tcp::0"));
}

TEST(Tcp, port_0_is_reported_as_the_one_that_the_system_chose) {
  for (const auto& [address, begin] :
       {std::pair{"tcp::0", "tcp:127.0.0.1:"}, {"tcp:localhost:0?wait=block", "tcp:localhost:"}}) {
    Listener listener = value_of(listen(address));
    const std::string chosen = listener.address().to_string();
    EXPECT_THAT(chosen, StartsWith(begin));
    EXPECT_THAT(listener.address().place(), testing::Not(EndsWith(":0")));
    std::jthread client([&] { EXPECT_OK(connect(chosen, {.deadline = soon()})); });
    EXPECT_OK(listener.accept(soon()));
  }
}

TEST(Tcp, is_loopback_only_unless_an_address_is_given) {
  const Listener listener = value_of(listen("tcp::0"));
  const auto port = place_of(listener.address().to_string()).port;
  EXPECT_ERRC(Errc::no_one_there, connect("tcp:127.0.0.2:" + std::to_string(port)));
}

TEST(Tcp, an_unknown_host_is_not_found) {
  const auto result = connect("tcp:no%20such%20host:1");
  ASSERT_TRUE(is_error(Errc::not_found, result));
  EXPECT_THAT(result.error().message(), HasSubstr("getent hosts"));
}

/// A peer that sends what the test says, when it says so.
class SlowPeer {
 public:
  explicit SlowPeer(const std::string& options)
      : listener_(value_of(listen("tcp::" + std::to_string(free_port()) + options))) {
    const Transport& transport = *value_of(transport_of(listener_.address()));
    stream_ = value_of(transport.dial(listener_.address(), soon())).stream;
    say(wire::encode_hello({1 << 30}));
  }

  Channel accept() { return value_of(listener_.accept(soon())); }
  void say(ByteView bytes) {
    const os::Slice slice{const_cast<std::byte*>(bytes.data()), bytes.size()};
    ASSERT_EQ(stream_->write({&slice, 1}, {}).count, bytes.size());
  }

 private:
  Listener listener_;
  std::unique_ptr<os::ByteStream> stream_;
};

std::vector<std::byte> frame(const wire::FrameHeader& header) {
  std::array<std::byte, wire::max_header> head;
  std::array<std::byte, 8> tail;
  const std::size_t begin = wire::encode_header(header, head.data());
  const std::size_t end = wire::encode_tail(header.length, wire::Mark::committed, tail.data());
  std::vector<std::byte> bytes(begin + header.length + end);
  std::copy_n(head.begin(), begin, bytes.begin());
  std::copy_n(tail.begin(), end, bytes.end() - static_cast<std::ptrdiff_t>(end));
  return bytes;
}

const auto whole = frame({wire::FrameKind::whole, 0, 100, 100});
const auto first = frame({wire::FrameKind::first, 0, 65536, 200'000});

TEST(TcpSlowPeer, that_stops_inside_a_message_is_disconnected) {
  for (const auto& [bytes, size] : {std::pair(&whole, 3UL), std::pair(&whole, 50UL),
                                    std::pair(&first, 20'000UL), std::pair(&first, first.size())}) {
    SlowPeer peer("?frame-timeout=20ms");
    Channel channel = peer.accept();
    peer.say(ByteView(*bytes).first(size));
    const auto result = channel.borrow(soon());
    ASSERT_TRUE(is_error(Errc::protocol_violation, result));
    EXPECT_THAT(result.error().message(), HasSubstr("frame-timeout="));
    EXPECT_ERRC(Errc::protocol_violation, channel.send("too late"));
  }
}

TEST(TcpSlowPeer, that_dribbles_bytes_is_disconnected) {
  SlowPeer peer("?frame-timeout=30ms");
  Channel channel = peer.accept();
  Result<Message> message;
  std::size_t said = 0;
  do {  // a byte more for each wait
    ASSERT_LT(said, first.size());
    peer.say(ByteView(first).subspan(said++, 1));
    message = channel.borrow(Deadline::in(1ms));
  } while (is_error(Errc::timed_out, message));
  EXPECT_TRUE(is_error(Errc::protocol_violation, message));
}

TEST(TcpSlowPeer, that_says_nothing_between_messages_is_none) {
  SlowPeer peer("?frame-timeout=5ms");
  Channel channel = peer.accept();
  for (int i = 0; i < 3; ++i) {
    EXPECT_ERRC(Errc::timed_out, channel.borrow(Deadline::in(20ms)));
    peer.say(whole);
    EXPECT_EQ(value_of(channel.borrow(soon())).size(), 100u);
  }
}

TEST(TcpSlowPeer, is_waited_for_without_a_limit_if_that_is_wanted) {
  SlowPeer peer("?frame-timeout=0");
  Channel channel = peer.accept();
  peer.say(ByteView(whole).first(50));
  EXPECT_ERRC(Errc::timed_out, channel.borrow(Deadline::in(20ms)));
  peer.say(ByteView(whole).subspan(50));
  EXPECT_EQ(value_of(channel.borrow(soon())).size(), 100u);
}

TEST(TcpSlowPeer, has_time_still_when_it_was_we_who_did_not_receive) {
  SlowPeer peer("?frame-timeout=1ms");
  Channel channel = peer.accept();
  peer.say(ByteView(whole).first(50));
  EXPECT_ERRC(Errc::timed_out, channel.borrow(Deadline::now()));
  const Canceller nobody = value_of(Canceller::create());
  EXPECT_ERRC(Errc::timed_out, os::wait_for(nobody.poll_fd(), os::Wait::readable, Deadline::in(5ms)));
  peer.say(ByteView(whole).subspan(50));
  EXPECT_EQ(value_of(channel.borrow(soon())).size(), 100u);
}

TEST(Tcp, a_close_that_the_peer_does_not_take_says_so_and_costs_nothing_yet) {
  const auto meeting = Meeting::arrange({"tcp", "tcp", "tcp::{port}"});
  auto [a, b] = meeting->both();
  std::uint64_t sent = 0;
  while (a.send(pattern(50'000, sent), Deadline::in(50ms))) ++sent;
  const auto closed = a.close(Deadline::in(50ms));
  EXPECT_TRUE(is_error(Errc::timed_out, closed));
  for (std::uint64_t i = 0; i < sent; ++i) ASSERT_TRUE(is_pattern(value_of(b.borrow(soon())).bytes(), i));
  EXPECT_FALSE(b.borrow(soon()).has_value());
}

}  // namespace
}  // namespace tenon
