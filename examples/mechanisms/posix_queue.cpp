// POSIX message queues: `ping` goes through one, `pong` comes back through another.
//
//   posix_queue server [PLACE]     makes the queues PLACE (/tenon-example) and PLACE-reply, removes both at
//   the end posix_queue client [PLACE]
//
// PLACE is no path but a name of its own kind: one slash, and no other. A queue has priorities and no
// senders, so a conversation needs two of them. A message is whole, so `ping` and `end` never run together.
// Watch the queues in /dev/mqueue, where that is mounted.
#include <chrono>
#include <thread>
#include <vector>

#include <tenon/os/posix_queue.hpp>

#include "example.hpp"

using namespace std::chrono_literals;
using example::say;
using example::until_interrupted;
using example::value_or_exit;
using tenon::Deadline;
using Access = tenon::os::PosixQueue::Access;
namespace os = tenon::os;

namespace {

/// Small, because all queues of a user share a limit (ulimit -q), full or empty.
constexpr os::PosixQueue::Size size{.max_messages = 10, .message_size = 64};

void send(const os::PosixQueue& queue, std::string_view message, Deadline deadline) {
  value_or_exit(queue.send(tenon::bytes_of(message), 0, deadline));
}

std::string receive(const os::PosixQueue& queue, Deadline deadline) {
  std::vector<std::byte> buffer(queue.message_size());  // less is refused, however short the message
  const auto got = value_or_exit(queue.receive(buffer, deadline));
  return std::string(tenon::text_of(tenon::ByteView(buffer).first(got.size)));
}

int invalid(const char* who, const std::string& message) {
  std::fprintf(stderr, "%s Error: received invalid message '%s'\n", who, message.c_str());
  return 1;
}

int serve(const std::string& place) {
  const Deadline deadline = until_interrupted();
  // The client opens PLACE first and then needs both: so this is made last. static: removed by exit() too.
  static const os::PosixQueue answers = value_or_exit(os::PosixQueue::create(place + "-reply", size));
  static const os::PosixQueue questions = value_or_exit(os::PosixQueue::create(place, size));
  say("Server", "waiting at " + place);
  for (;;) {
    const std::string message = receive(questions, deadline);
    if (message == "end") return 0;
    if (message != "ping") return invalid("Server", message);
    say("Server", "Received " + message);
    send(answers, "pong", deadline);
    say("Server", "Sent pong");
  }
}

/// The queue, once the server has made it: waits for at most 5 s.
os::PosixQueue open_when_there(const std::string& name, Access access) {
  for (const Deadline deadline = Deadline::in(5s);; std::this_thread::sleep_for(10ms)) {
    auto queue = os::PosixQueue::open(name, access);
    const bool missing = !queue && queue.error().code() == tenon::Errc::not_found;
    if (!missing || deadline.expired()) return value_or_exit(std::move(queue));
  }
}

int call(const std::string& place) {
  const os::PosixQueue questions = open_when_there(place, Access::send);
  const os::PosixQueue answers = open_when_there(place + "-reply", Access::receive);
  for (int i = 0; i < example::rounds; ++i) {
    send(questions, "ping", Deadline::in(5s));
    say("Client", "Sent ping");
    const std::string message = receive(answers, Deadline::in(5s));
    if (message != "pong") return invalid("Client", message);
    say("Client", "Received " + message);
  }
  send(questions, "end", Deadline::in(5s));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "/tenon-example");
  return is_server ? serve(place) : call(place);
}
