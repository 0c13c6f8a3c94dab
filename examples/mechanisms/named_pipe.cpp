// A named pipe: the client writes `ping` 100 times and `end`, the server reads. One way: the server never
// answers.
//
//   named_pipe server [PLACE]     makes the pipe at PLACE (/tmp/ping), reads it, removes it
//   named_pipe client [PLACE]
//
// A pipe carries bytes, not messages: one read may bring half a message or two. What makes messages of them
// here is that each is 4 bytes long, except the last: `end` is followed by the end of the stream.
#include <array>
#include <chrono>

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

int serve(const std::string& place) {
  const Deadline deadline = until_interrupted();
  static const os::Fifo fifo = value_or_exit(os::Fifo::create(place));  // static: removed by exit() too
  say("Server", "waiting at " + place);

  // Opening for reading waits for a writer; only then does "nothing to read" mean that the writer has left.
  const os::Fd reader = value_or_exit(os::Fifo::open_reader(place, deadline));
  std::array<std::byte, 4> buffer;
  for (;;) {
    const std::size_t got = value_or_exit(os::read_full(reader.get(), buffer, deadline));
    const std::string message(tenon::text_of(tenon::ByteView(buffer).first(got)));
    if (message == "end") return 0;
    if (message != "ping") {
      std::fprintf(stderr, "Server Error: received invalid message '%s'\n", message.c_str());
      return 1;
    }
    say("Server", "Received " + message);
  }
}

int call(const std::string& place) {
  const Deadline deadline = Deadline::in(5s);
  value_or_exit(os::wait_until_exists(place, deadline));
  const os::Fd writer = value_or_exit(os::Fifo::open_writer(place, deadline));
  for (int i = 0; i < example::rounds; ++i) {
    value_or_exit(os::write_all(writer.get(), tenon::bytes_of("ping")));
    say("Client", "Sent ping");
  }
  value_or_exit(os::write_all(writer.get(), tenon::bytes_of("end")));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "/tmp/ping");
  return is_server ? serve(place) : call(place);
}
