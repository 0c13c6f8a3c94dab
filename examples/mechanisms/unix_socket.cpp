// A Unix socket: the client sends `ping`, the server answers `pong`, 100 times; `end` ends the conversation.
//
//   unix_socket server [PLACE]     listens at PLACE (./udsocket), one client after another, until Ctrl-C
//   unix_socket client [PLACE]
//
// PLACE is a path, or @NAME for a name that is not in the file system. The socket is a byte stream in each
// direction: see MessageReader for what that means. The listener removes its name when it ends; one that was
// left by a `kill -9` is replaced by the next server, one of a living server is not.

#include <tenon/os/unix_socket.hpp>

#include "example.hpp"
#include "socket_example.hpp"

using example::say;
using example::until_interrupted;
using example::value_or_exit;
using tenon::Deadline;
namespace os = tenon::os;

namespace {

/// One client, until its `end`, or until something goes wrong with it; the server goes on either way.
tenon::Result<void> converse(os::UnixSocket& client, Deadline deadline) {
  example::MessageReader reader;
  for (;;) {
    const auto message = reader.next(client, deadline);
    if (!message) return std::unexpected(message.error());
    if (*message == "end") {
      say("Server", "Connection shutting down");
      return {};
    }
    if (*message != "ping") {
      say("Server Error", "received invalid message " + *message + ", shutting down connection");
      return {};
    }
    say("Server", "Received ping");
    if (auto sent = client.send_all(tenon::bytes_of("pong"), deadline); !sent) return sent;
    say("Server", "Sent pong");
  }
}

int serve(const std::string& place) {
  const Deadline deadline = until_interrupted();
  static auto listener =
      value_or_exit(os::UnixListener::listen(place));  // static: its name is removed by exit() too
  say("Server", "waiting at " + place);
  while (!deadline.cancelled()) {
    auto client = listener.accept(deadline);
    auto result = client ? converse(*client, deadline) : tenon::Result<void>(std::unexpect, client.error());
    if (!result && result.error().code() != tenon::Errc::cancelled)
      say("Server Error", result.error().message());
  }
  return 0;
}

int call(const std::string& place) {
  auto server = value_or_exit(example::patiently(
      [&](Deadline deadline) { return os::UnixSocket::connect(place, os::SocketType::stream, deadline); }));
  example::MessageReader reader;
  for (int i = 0; i < example::rounds; ++i) {
    value_or_exit(server.send_all(tenon::bytes_of("ping")));
    say("Client", "Sent ping");
    const std::string message = value_or_exit(reader.next(server));
    if (message != "pong") {
      std::fprintf(stderr, "Client Error: received '%s' instead of pong\n", message.c_str());
      return 1;
    }
    say("Client", "Received pong");
  }
  value_or_exit(server.send_all(tenon::bytes_of("end")));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "./udsocket");
  return is_server ? serve(place) : call(place);
}
