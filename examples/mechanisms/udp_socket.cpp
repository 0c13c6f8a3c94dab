// UDP datagrams: the client sends `ping`, the server answers `pong`, 100 times; `end` ends both.
//
//   udp_socket server [PLACE]     receives at PLACE, HOST:PORT (127.0.0.1:7767)
//   udp_socket client [PLACE]
//
// A datagram arrives whole or not at all, so nothing needs to be put together, as it does with a byte stream.
// But it may indeed not arrive (on loopback: when the receiver's buffer is full), and nobody is told. So the
// client sends again when no answer comes, a bounded number of times. Was the ping lost, or the pong? The
// client cannot know, and the server may see a ping twice. Here that does no harm: one pong is like another.
// Where it does, messages carry numbers.
#include <array>
#include <chrono>

#include <tenon/os/udp_socket.hpp>

#include "example.hpp"
#include "socket_example.hpp"

using namespace std::chrono_literals;
using example::say;
using example::value_or_exit;
using tenon::bytes_of;
using tenon::Deadline;
using tenon::Errc;
namespace os = tenon::os;

namespace {

constexpr int attempts = 5;
constexpr auto patience = 1s;  // long for loopback: a busy server is not a lost message

int serve(const std::string& place) {
  const auto [host, port] = example::parse_place(place);
  auto socket = value_or_exit(os::UdpSocket::bind(host, port));
  say("Server", "waiting at " + value_or_exit(socket.local()).to_string());
  std::array<std::byte, 16> buffer;
  for (;;) {
    const auto received = value_or_exit(socket.receive_from(buffer));
    const std::string message(tenon::text_of(tenon::ByteView(buffer).first(received.size)));
    if (message == "end") return 0;
    if (message != "ping") {  // anyone can send here: say so and go on
      say("Server Error", "received invalid message " + message + " from " + received.from.to_string());
      continue;
    }
    say("Server", "Received ping");
    value_or_exit(socket.send_to(received.from, bytes_of("pong")));
    say("Server", "Sent pong");
  }
}

/// Sends `ping` until `pong` comes back. A connected socket is told when nobody has the port: no_one_there.
tenon::Result<void> ask(os::UdpSocket& server) {
  std::array<std::byte, 16> buffer;
  for (int attempt = 1;; ++attempt) {
    if (auto sent = server.send(bytes_of("ping")); !sent) return sent;
    const auto received = server.receive_from(buffer, Deadline::in(patience));
    if (!received && received.error().code() == Errc::no_one_there) return std::unexpected(received.error());
    say("Client", "Sent ping");
    if (received && tenon::text_of(tenon::ByteView(buffer).first(received->size)) == "pong") return {};
    if (received) {
      return std::unexpected(
          tenon::Error(Errc::protocol_violation, "ask", "server", "it did not answer pong"));
    }
    if (received.error().code() != Errc::timed_out || attempt == attempts)
      return std::unexpected(received.error());
  }
}

/// Nothing answers `end`: it is sent until the server has gone, which the closed port tells.
void end(os::UdpSocket& server) {
  std::array<std::byte, 16> buffer;
  for (int attempt = 0; attempt < attempts; ++attempt) {
    if (!server.send(bytes_of("end"))) return;
    const auto received = server.receive_from(buffer, Deadline::in(50ms));
    if (!received && received.error().code() == Errc::no_one_there) return;
  }
}

int call(const std::string& place) {
  const auto [host, port] = example::parse_place(place);
  auto server = value_or_exit(os::UdpSocket::connect(host, port));
  for (int i = 0; i < example::rounds; ++i) {
    value_or_exit(i == 0 ? example::patiently([&](Deadline) { return ask(server); }) : ask(server));
    say("Client", "Received pong");
  }
  end(server);
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "127.0.0.1:7767");
  return is_server ? serve(place) : call(place);
}
