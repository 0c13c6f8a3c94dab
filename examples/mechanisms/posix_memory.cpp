// POSIX shared memory: 20 bytes with a name. Client and server write `ping` and `pong` over each other at
// offset 0, `end` ends.
//
//   posix_memory server [PLACE]     makes the memory called PLACE (/tenon-example), removes it at the end
//   posix_memory client [PLACE]
//
// A name is a slash and no further one. On Linux it is a file in /dev/shm: `od -c /dev/shm/tenon-example`
// shows what the two write, and any program that can map a file can take part.
#include <tenon/os/posix_memory.hpp>

#include "shared_word.hpp"

using example::say;
using example::value_or_exit;
using tenon::Deadline;
namespace os = tenon::os;

namespace {

/// Answers each `ping`. Memory tells nothing of a partner that has gone: only the deadline ends a wait for
/// it.
int serve(const std::string& place) {
  const Deadline interrupted = example::until_interrupted();
  static const auto memory =
      value_or_exit(os::PosixMemory::create(place, example::memory_size));  // removed by exit()
  const os::Mapping mapping = value_or_exit(memory.map());
  const example::SharedWord word(mapping.bytes());
  say("Server", "waiting at " + place);

  Deadline deadline = interrupted;  // for the first client; from then on it must stay lively
  while (value_or_exit(word.wait_for({"ping", "end"}, deadline)) == "ping") {
    say("Server", "Received ping");
    word.put("pong");
    say("Server", "Sent pong");
    deadline = interrupted.or_earlier(Deadline::in(example::partner_patience));
  }
  return 0;
}

/// Writes over the answer at once: there is room for one message, so that neither can run ahead of the other.
int call(const std::string& place) {
  const os::PosixMemory memory = example::open_when_there([&] { return os::PosixMemory::open(place); });
  const os::Mapping mapping = value_or_exit(memory.map());
  const example::SharedWord word(mapping.bytes());
  for (int i = 0; i < example::rounds; ++i) {
    word.put("ping");
    say("Client", "Sent ping");
    value_or_exit(word.wait_for({"pong"}, Deadline::in(example::partner_patience)));
    say("Client", "Received pong");
  }
  word.put("end");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "/tenon-example");
  return is_server ? serve(place) : call(place);
}
