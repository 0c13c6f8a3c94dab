// One named pipe for both directions: client and server open it for reading and writing at once (O_RDWR).
//
//   named_pipe_two_way server [PLACE]     makes the pipe at PLACE (/tmp/ping), removes it at the end
//   named_pipe_two_way client [PLACE]
//
// There is one buffer, not one for each direction, so whoever writes may read its own message back. Three
// rules make it work: only one message is under way at any time; whoever finds its own puts it back and gives
// the other a moment; nobody waits for the end of the stream, for each is a writer itself and so never sees
// it. Two pipes are simpler and faster (see anonymous_pipe.cpp): this shows what one can do.
#include <array>
#include <chrono>
#include <thread>

#include <tenon/os/fifo.hpp>
#include <tenon/os/file_watch.hpp>

#include "example.hpp"

using namespace std::chrono_literals;
using example::say;
using example::until_interrupted;
using example::value_or_exit;
using tenon::Deadline;
namespace os = tenon::os;

namespace {

void send(const os::Fd& pipe, std::string_view message) {
  // 4 bytes are far below PIPE_BUF: the write is whole, whoever else writes.
  value_or_exit(os::write_all(pipe.get(), tenon::bytes_of(message)));
}

/// The other side's next message; `own` is what this side sends.
std::string receive(const os::Fd& pipe, std::string_view own, Deadline deadline) {
  std::array<std::byte, 4> buffer;
  for (;;) {
    const std::size_t got = value_or_exit(os::read_some(pipe.get(), buffer, deadline));
    std::string message(tenon::text_of(tenon::ByteView(buffer).first(got)));
    if (message != own) return message;
    if (deadline.expired())
      value_or_exit(tenon::Result<void>(std::unexpect, tenon::Errc::timed_out, "receive"));
    send(pipe, own);
    std::this_thread::sleep_for(100us);
  }
}

int invalid(const char* who, const std::string& message) {
  std::fprintf(stderr, "%s Error: received invalid message '%s'\n", who, message.c_str());
  return 1;
}

int serve(const std::string& place) {
  const Deadline deadline = until_interrupted();
  static const os::Fifo fifo = value_or_exit(os::Fifo::create(place));  // static: removed by exit() too
  const os::Fd pipe = value_or_exit(os::Fifo::open_both(place));
  say("Server", "waiting at " + place);
  for (;;) {
    const std::string message = receive(pipe, "pong", deadline);
    if (message == "end") return 0;
    if (message != "ping") return invalid("Server", message);
    say("Server", "Received " + message);
    send(pipe, "pong");
    say("Server", "Sent pong");
  }
}

int call(const std::string& place) {
  value_or_exit(os::wait_until_exists(place, Deadline::in(5s)));
  const os::Fd pipe = value_or_exit(os::Fifo::open_both(place));
  for (int i = 0; i < example::rounds; ++i) {
    send(pipe, "ping");
    say("Client", "Sent ping");
    const std::string message = receive(pipe, "ping", Deadline::in(5s));
    if (message != "pong") return invalid("Client", message);
    say("Client", "Received " + message);
  }
  send(pipe, "end");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "/tmp/ping");
  return is_server ? serve(place) : call(place);
}
