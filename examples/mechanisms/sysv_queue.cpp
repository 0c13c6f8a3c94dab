// System V message queue: one queue for both directions, kept apart by the messages' types.
//
//   sysv_queue server [PLACE]     makes the queue of key ftok(PLACE, 42), removes it at the end
//   sysv_queue client [PLACE]
//
// PLACE (/tmp/example) is a file that only serves to compute the same number in both processes; the server
// makes it if it is not there. Type 10 goes to the server, 11 to the client: each takes only its own. A
// message is whole, so `ping` and `end` never run together. Watch the queue with `ipcs -q`.
#include <array>
#include <chrono>
#include <thread>

#include <tenon/os/file.hpp>
#include <tenon/os/sysv_queue.hpp>

#include "example.hpp"

using namespace std::chrono_literals;
using example::say;
using example::until_interrupted;
using example::value_or_exit;
using tenon::Deadline;
namespace os = tenon::os;

namespace {

constexpr int project = 42;
constexpr long to_server = 10;
constexpr long to_client = 11;

/// ftok(3) needs a file that exists; whoever makes it here removes it again.
void make_key_file(const std::string& place) {
  const auto file = os::File::create(place);
  if (!file && file.error().code() == tenon::Errc::already_exists) return;
  if (!file) value_or_exit(tenon::Result<void>(std::unexpected(file.error())));
  static const os::OwnedName name = value_or_exit(file->own_name());  // static: removed by exit() too
}

std::string receive(os::SysvQueue& queue, long type, Deadline deadline) {
  std::array<std::byte, 64> buffer;
  const auto got = value_or_exit(queue.receive(os::SysvQueue::Selector::exactly(type), buffer, deadline));
  return std::string(tenon::text_of(tenon::ByteView(buffer).first(got.size)));
}

int invalid(const char* who, const std::string& message) {
  std::fprintf(stderr, "%s Error: received invalid message '%s'\n", who, message.c_str());
  return 1;
}

int serve(const std::string& place) {
  const Deadline deadline = until_interrupted();
  make_key_file(place);
  const os::SysvKey key = value_or_exit(os::SysvKey::from_path(place, project));
  static os::SysvQueue queue = value_or_exit(os::SysvQueue::create(key));  // static: removed by exit() too
  say("Server", "waiting at " + place);
  for (;;) {
    const std::string message = receive(queue, to_server, deadline);
    if (message == "end") return 0;
    if (message != "ping") return invalid("Server", message);
    say("Server", "Received " + message);
    value_or_exit(queue.send(to_client, tenon::bytes_of("pong"), deadline));
    say("Server", "Sent pong");
  }
}

/// The queue, once the server has made it: waits for at most 5 s.
os::SysvQueue open_when_there(const std::string& place) {
  for (const Deadline deadline = Deadline::in(5s);; std::this_thread::sleep_for(10ms)) {
    const auto key = os::SysvKey::from_path(place, project);
    auto queue = key ? os::SysvQueue::open(*key) : std::unexpected(key.error());
    const bool missing = !queue && queue.error().code() == tenon::Errc::not_found;
    if (!missing || deadline.expired()) return value_or_exit(std::move(queue));
  }
}

int call(const std::string& place) {
  os::SysvQueue queue = open_when_there(place);
  for (int i = 0; i < example::rounds; ++i) {
    value_or_exit(queue.send(to_server, tenon::bytes_of("ping"), Deadline::in(5s)));
    say("Client", "Sent ping");
    const std::string message = receive(queue, to_client, Deadline::in(5s));
    if (message != "pong") return invalid("Client", message);
    say("Client", "Received " + message);
  }
  value_or_exit(queue.send(to_server, tenon::bytes_of("end"), Deadline::in(5s)));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "/tmp/example");
  return is_server ? serve(place) : call(place);
}
