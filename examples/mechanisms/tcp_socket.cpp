// A TCP connection: the client sends `ping`, the server answers `pong`, 100 times; `end` ends both.
//
//   tcp_socket server [PLACE]     listens at PLACE, HOST:PORT (127.0.0.1:7766), for one client
//   tcp_socket client [PLACE]
//
// The same conversation as in unix_socket.cpp, but the two may be on different machines: the place is an
// address and a port. Nothing is left in the file system, and nothing there says who may connect: whoever can
// reach the address can. TCP is a byte stream too, and over a network it really does arrive in pieces: see
// MessageReader.
#include <chrono>

#include <tenon/os/tcp_socket.hpp>

#include "example.hpp"
#include "socket_example.hpp"

using namespace std::chrono_literals;
using example::say;
using example::value_or_exit;
namespace os = tenon::os;

namespace {

int invalid(const char* who, const std::string& message) {
  std::fprintf(stderr, "%s Error: received invalid message '%s'\n", who, message.c_str());
  return 1;
}

/// A peer whose machine lost its power says nothing more. With these two, waiting for it ends after about 20
/// s instead of never (nothing to send) or a quarter of an hour (something to send).
void notice_a_dead_machine(os::TcpSocket& socket) {
  value_or_exit(socket.set_keep_alive({.idle = 10s, .interval = 5s, .probes = 2}));
  value_or_exit(socket.set_user_timeout(20s));
}

int serve(const std::string& place) {
  const auto [host, port] = example::parse_place(place);
  auto listener = value_or_exit(os::TcpListener::listen(host, port));
  say("Server", "waiting at " + listener.endpoint().to_string());  // port 0: the one that the system chose

  os::TcpSocket client = value_or_exit(listener.accept());
  notice_a_dead_machine(client);
  example::MessageReader reader;
  for (;;) {
    const std::string message = value_or_exit(reader.next(client));
    if (message == "end") return 0;
    if (message != "ping") return invalid("Server", message);
    say("Server", "Received ping");
    value_or_exit(client.send_all(tenon::bytes_of("pong")));
    say("Server", "Sent pong");
  }
}

int call(const std::string& place) {
  const auto [host, port] = example::parse_place(place);
  auto server = value_or_exit(example::patiently(
      [&](tenon::Deadline deadline) { return os::TcpSocket::connect(host, port, deadline); }));
  notice_a_dead_machine(server);
  example::MessageReader reader;
  for (int i = 0; i < example::rounds; ++i) {
    value_or_exit(server.send_all(tenon::bytes_of("ping")));
    say("Client", "Sent ping");
    const std::string message = value_or_exit(reader.next(server));
    if (message != "pong") return invalid("Client", message);
    say("Client", "Received pong");
  }
  value_or_exit(server.send_all(tenon::bytes_of("end")));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "127.0.0.1:7766");
  return is_server ? serve(place) : call(place);
}
