// udp: under attack and on a bad network: datagrams lost, doubled, late, damaged or forged, strangers at the port.
#include <array>
#include <csignal>
#include <functional>
#include <thread>

#include <tenon/os/eventfd.hpp>
#include <tenon/os/udp_socket.hpp>

#include "channel/udp/udp_test.hpp"
#include "wire/datagram.hpp"

namespace tenon {
namespace {

using namespace test;
using wire::DatagramKind;

/// A bad network between a client and a listener: decides for each datagram what arrives in its place.
class Network {
 public:
  using Policy = std::function<std::vector<Bytes>(bool to_listener, const Bytes& datagram)>;

  Network(std::uint16_t listener, Policy policy)
      : front_(value_of(os::UdpSocket::bind("127.0.0.1", 0))),
        back_(value_of(os::UdpSocket::connect("127.0.0.1", listener))),
        stop_(value_of(Canceller::create())),
        policy_(std::move(policy)),
        forth_([this] { carry(front_, true); }),
        back_again_([this] { carry(back_, false); }) {}
  ~Network() { stop_.cancel(); }

  std::uint16_t port() const { return value_of(front_.local()).port(); }

 private:
  void carry(os::UdpSocket& from, bool to_listener) {
    Bytes buffer(70'000);
    for (;;) {
      const auto got = from.receive_from(buffer, Deadline::never().unless(stop_));
      if (!got && got.error().code() == Errc::cancelled) return;
      if (!got) continue;
      if (to_listener) client_ = got->from;
      for (const Bytes& one : policy_(to_listener, bytes(ByteView(buffer).first(got->size)))) {
        static_cast<void>(to_listener ? back_.send(one, soon()) : front_.send_to(client_, one, soon()));
      }
    }
  }

  os::UdpSocket front_, back_;
  Canceller stop_;
  Policy policy_;
  os::InetEndpoint client_;
  std::jthread forth_, back_again_;
};

bool is(DatagramKind kind, const Bytes& datagram) {
  const auto header = wire::decode_datagram(datagram);
  return header && header->kind == kind;
}

TEST(UdpHandshake, survives_the_loss_of_the_first_of_every_kind) {
  std::array<int, 8> seen{};
  Listener listener = listener_of();
  Network network(port_of(listener), [&](bool, const Bytes& datagram) -> std::vector<Bytes> {
    if (seen[std::to_integer<unsigned>(datagram[3]) % 8]++ == 0) return {};
    return {datagram};
  });
  std::optional<Result<Channel>> accepted;
  std::optional<Result<Message>> received;
  // The client learns by the listener's next receive that its confirm had arrived: the first welcome was lost.
  std::jthread accepting([&] {
    accepted.emplace(listener.accept(soon()));
    received.emplace((*accepted)->borrow(soon()));
  });
  Channel client = value_of(connect(to(network.port()), {.deadline = soon()}));
  EXPECT_OK(client.send("lost too"));
  EXPECT_OK(client.send("arrives"));
  accepting.join();
  EXPECT_EQ(value_of(std::move(*received)).text(), "arrives");
  EXPECT_EQ((*accepted)->statistics().received.lost, 1u);
}

TEST(UdpHandshake, takes_doubled_greetings_for_one_client) {
  Listener listener = listener_of();
  Network network(port_of(listener),
                  [](bool, const Bytes& datagram) { return std::vector<Bytes>(3, datagram); });
  auto [client, server] = meet(listener, network.port());
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::in(50ms)));
  EXPECT_OK(client.send("once"));
  EXPECT_EQ(value_of(server.borrow(soon())).text(), "once");
  EXPECT_ERRC(Errc::timed_out, server.borrow(Deadline::in(20ms)));
  EXPECT_EQ(server.statistics().received.lost, 0u);
}

TEST(UdpHandshake, goes_on_when_its_welcome_is_lost_for_good) {
  Listener listener = listener_of();
  Network network(port_of(listener), [](bool, const Bytes& datagram) -> std::vector<Bytes> {
    if (is(DatagramKind::welcome, datagram)) return {};
    return {datagram};
  });
  std::jthread serving([&] {
    Channel server = value_of(listener.accept(soon()));
    EXPECT_OK(server.send("the first shows that it stands, and is lost"));
    EXPECT_OK(server.send("second"));
    EXPECT_ERRC(Errc::closed, server.borrow(soon()));
  });
  Channel client = value_of(connect(to(network.port()), {.deadline = soon()}));
  EXPECT_EQ(value_of(client.borrow(soon())).text(), "second");
  EXPECT_OK(client.close());
}

TEST(UdpHandshake, tells_at_once_that_nobody_is_there) {
  const auto result = connect(to(free_port()), {.deadline = soon()});
  ASSERT_TRUE(is_error(Errc::no_one_there, result));
  EXPECT_THAT(result.error().message(), testing::HasSubstr("start the listener"));
  EXPECT_ERRC(Errc::invalid_argument, connect(to(0)));
  EXPECT_ERRC(Errc::invalid_argument, connect(to(7000, "?framing=lines")));
}

TEST(UdpHandshake, refuses_other_programs_and_other_versions_with_a_reason) {
  auto other = value_of(os::UdpSocket::bind("127.0.0.1", 0));
  const std::string address = to(value_of(other.local()).port());
  for (const std::string reason : {"does not speak", "version 9"}) {
    std::jthread answering([&] {
      Bytes buffer(100);
      const auto hello = value_of(other.receive_from(buffer, soon()));
      Bytes answer = bytes(bytes_of("whatever it is that another program answers"));
      if (reason == "version 9") {
        answer = buffer;
        answer[2] = std::byte{9};
      }
      EXPECT_OK(other.send_to(hello.from, answer));
    });
    const auto result = connect(address, {.deadline = soon()});
    ASSERT_TRUE(is_error(Errc::protocol_violation, result));
    EXPECT_THAT(result.error().message(), testing::HasSubstr(reason));
    answering.join();
    Bytes rest(100);
    while (other.receive_from(rest, Deadline::now())) {
    }
  }
}

TEST(UdpHandshake, answers_a_hello_of_another_version_and_nothing_else_of_it) {
  Listener listener = listener_of();
  auto stranger = value_of(os::UdpSocket::connect("127.0.0.1", port_of(listener)));
  for (const auto kind : {DatagramKind::hello, DatagramKind::challenge, DatagramKind::data}) {
    auto greeting = wire::encode_greeting({{kind, 0, 0}, 77});
    greeting[2] = std::byte{9};
    EXPECT_OK(stranger.send(greeting));
    EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));
    Bytes answer(100);
    const auto got = stranger.receive_from(answer, Deadline::now());
    ASSERT_EQ(got.has_value(),
              kind == DatagramKind::hello);  // two listeners must not talk to each other for ever
    if (!got) continue;
    EXPECT_EQ(wire::datagram_version_of(answer), wire::datagram_version);
  }
}

TEST(UdpStrangers, cannot_open_a_channel_without_receiving_the_challenge) {
  Listener listener = listener_of();
  auto stranger = value_of(os::UdpSocket::connect("127.0.0.1", port_of(listener)));
  for (std::uint64_t token = 0; token < 500; ++token)
    EXPECT_OK(stranger.send(wire::encode_greeting({{DatagramKind::confirm, 0, token}, 77})));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::in(10ms)));
  // The challenge of another address does not help.
  auto honest = value_of(os::UdpSocket::connect("127.0.0.1", port_of(listener)));
  EXPECT_OK(honest.send(wire::encode_greeting({{DatagramKind::hello, 0, 0}, 77})));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::in(1ms)));
  Bytes answer(wire::greeting_size);
  EXPECT_EQ(value_of(honest.receive_from(answer, soon())).full_size, wire::greeting_size);
  const auto challenge = wire::decode_greeting(answer).value();
  EXPECT_EQ(challenge.header.token, 77u);
  const auto confirm = wire::encode_greeting({{DatagramKind::confirm, 0, challenge.own_token}, 77});
  EXPECT_OK(stranger.send(confirm));
  EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::in(1ms)));
  EXPECT_OK(honest.send(confirm));
  EXPECT_OK(listener.accept(soon()));
}

TEST(UdpStrangers, who_flood_the_port_keep_nobody_out_and_leave_nothing) {
  Listener listener = listener_of();
  auto stranger = value_of(os::UdpSocket::connect("127.0.0.1", port_of(listener)));
  Canceller enough = value_of(Canceller::create());
  std::jthread flooding([&] {
    for (std::uint64_t i = 0; !enough.cancelled(); ++i) {
      static_cast<void>(stranger.send(pattern(i % 100, i), soon()));
      static_cast<void>(stranger.send(wire::encode_greeting({{DatagramKind::hello, 0, 0}, i + 1}), soon()));
      Bytes answer(100);
      static_cast<void>(stranger.receive_from(answer, Deadline::now()));
      std::this_thread::yield();
    }
  });
  for (int i = 0; i < 10; ++i) {
    auto [client, server] = meet(listener, port_of(listener));
    EXPECT_OK(client.send("served"));
    EXPECT_EQ(value_of(server.borrow(soon())).text(), "served");
    EXPECT_EQ(server.statistics().received.messages, 1u);
    EXPECT_EQ(server.statistics().received.lost, 0u);
  }
  enough.cancel();
}

TEST(UdpStrangers, that_forge_datagrams_of_the_peer_are_not_heard) {
  Listener listener = listener_of();
  Network network(port_of(listener), [](bool, const Bytes& datagram) -> std::vector<Bytes> {
    if (!is(DatagramKind::data, datagram)) return {datagram};
    std::vector<Bytes> all;
    for (std::size_t place = 0; place < wire::datagram_header_size; ++place) {
      if (place >= 4 && place < 8) continue;  // the number is the peer's own affair
      all.push_back(datagram);
      all.back()[place] ^= std::byte{0x40};
    }
    for (std::size_t size = 0; size < wire::datagram_header_size; ++size)
      all.emplace_back(datagram.begin(), datagram.begin() + static_cast<std::ptrdiff_t>(size));
    auto forged_end = wire::encode_datagram({DatagramKind::close, 0, 1234});
    all.push_back(bytes(forged_end));
    all.push_back(datagram);
    return all;
  });
  auto [client, server] = meet(listener, network.port());
  for (std::uint64_t i = 0; i < 50; ++i) {
    EXPECT_OK(client.send(pattern(i * 7, i), soon()));
    ASSERT_TRUE(is_pattern(value_of(server.borrow(soon())).bytes(), i));
  }
  EXPECT_EQ(server.statistics().received.lost, 0u);
}

TEST(UdpMessages, that_are_lost_are_counted_and_those_that_arrive_are_whole_and_in_order) {
  std::uint64_t counter = 0;
  std::optional<Bytes> late;
  Listener listener = listener_of();
  Network network(port_of(listener), [&](bool to_listener, const Bytes& datagram) -> std::vector<Bytes> {
    if (!to_listener || !is(DatagramKind::data, datagram)) return {datagram};
    switch (++counter % 10) {
      case 2:  // lost
        return {};
      case 4:  // doubled
        return {datagram, datagram};
      case 6:  // overtaken by the next one
        late = datagram;
        return {};
      case 7:
        return {datagram, *std::exchange(late, std::nullopt)};
      default:
        return {datagram};
    }
  });
  auto [client, server] = meet(listener, network.port());
  std::uint64_t lost = 0;
  for (std::uint64_t i = 1; i <= 200; ++i) {
    EXPECT_OK(client.send(pattern(i, i), soon()));
    if (i % 10 == 2 || i % 10 == 6) {
      ++lost;
      continue;
    }
    const Message message = value_of(server.borrow(soon()));
    ASSERT_EQ(message.size(), i);
    EXPECT_TRUE(is_pattern(message.bytes(), i));
    EXPECT_EQ(server.statistics().received.lost, lost);
  }
  EXPECT_OK(client.close());
  EXPECT_ERRC(Errc::closed, server.borrow(soon()));
  EXPECT_EQ(server.statistics().received.messages, 160u);
}

TEST(UdpMessages, lost_at_the_end_are_counted_by_the_goodbye) {
  Listener listener = listener_of();
  Network network(port_of(listener), [&](bool, const Bytes& datagram) -> std::vector<Bytes> {
    if (is(DatagramKind::data, datagram)) return {};
    return {datagram};
  });
  auto [client, server] = meet(listener, network.port());
  for (int i = 0; i < 7; ++i) EXPECT_OK(client.send("x"));
  EXPECT_OK(client.close());
  EXPECT_ERRC(Errc::closed, server.borrow(soon()));
  EXPECT_EQ(server.statistics().received.lost, 7u);
}

TEST(UdpMessages, beyond_one_datagram_are_refused_and_the_limit_is_named) {
  Listener listener = listener_of();
  auto [client, server] = meet(listener, port_of(listener));
  const std::size_t largest = client.traits().max_message_size;
  EXPECT_EQ(largest, 65'491u);
  EXPECT_OK(client.send(pattern(largest, 1)));
  EXPECT_TRUE(is_pattern(value_of(server.borrow(soon())).bytes(), 1));
  const auto refused = client.send(pattern(largest + 1, 1));
  ASSERT_TRUE(is_error(Errc::message_too_large, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("65491: a datagram of UDP carries no more"));
  EXPECT_OK(client.send("goes on"));
  EXPECT_EQ(value_of(server.borrow(soon())).text(), "goes on");
}

TEST(UdpEndings, show_a_peer_whose_socket_is_gone_when_something_is_sent_to_it) {
  const std::string address = to(free_port());
  ChildProcess child([&] {
    Listener listener = value_of(listen(address));
    Channel channel = value_of(listener.accept(soon()));
    value_of(channel.send("last words", soon()));
    value_of(channel.borrow(soon()));
    return ::raise(SIGKILL);
  });
  Result<Channel> client = connect(address);
  while (!client && client.error().code() == Errc::no_one_there) client = connect(address);
  ASSERT_OK(client);
  EXPECT_OK(client->send("die"));
  EXPECT_EQ(child.wait(), -SIGKILL);
  Result<void> sent = client->send("anyone?");
  while (sent) sent = client->send("anyone?");
  EXPECT_TRUE(is_error(Errc::peer_died, sent));
  EXPECT_EQ(value_of(client->borrow(soon())).text(), "last words");
  EXPECT_ERRC(Errc::peer_died, client->borrow(soon()));
}

TEST(UdpEndings, end_a_receiver_that_waits_in_another_thread) {
  const std::string address = to(free_port());
  ChildProcess child([&] {
    Listener listener = value_of(listen(address));
    Channel channel = value_of(listener.accept(soon()));
    value_of(channel.borrow(soon()));
    return ::raise(SIGKILL);
  });
  Result<Channel> client = connect(address);
  while (!client && client.error().code() == Errc::no_one_there) client = connect(address);
  ASSERT_OK(client);
  std::jthread receiving([&] { EXPECT_ERRC(Errc::peer_died, client->borrow(soon())); });
  Result<void> sent;
  while (sent) sent = client->send("die");
  EXPECT_TRUE(is_error(Errc::peer_died, sent));
}

}  // namespace
}  // namespace tenon
