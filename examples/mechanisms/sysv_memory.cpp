// System V shared memory: 20 bytes that a number finds. Client and server write `ping` and `pong` over each
// other at offset 0, `end` ends.
//
//   sysv_memory server [PLACE]     makes the segment of key ftok(PLACE, 42), removes it at the end
//   sysv_memory client [PLACE]
//
// PLACE (/tmp/example) is a file that only serves to compute the same number in both processes; the server
// makes it if it is not there. Watch the segment with `ipcs -m`.
#include <tenon/os/file.hpp>
#include <tenon/os/sysv_memory.hpp>

#include "shared_word.hpp"

using example::say;
using example::value_or_exit;
using tenon::Deadline;
namespace os = tenon::os;

namespace {

constexpr int project = 42;

/// ftok(3) needs a file that exists; whoever makes it here removes it again.
void make_key_file(const std::string& place) {
  auto file = os::File::create(place);
  if (!file && file.error().code() == tenon::Errc::already_exists) return;
  // static: removed by exit() too
  static const os::OwnedName name = value_or_exit(value_or_exit(std::move(file)).own_name());
}

/// Answers each `ping`. Memory tells nothing of a partner that has gone: only the deadline ends a wait for
/// it.
int serve(const std::string& place) {
  const Deadline interrupted = example::until_interrupted();
  make_key_file(place);
  const os::SysvKey key = value_or_exit(os::SysvKey::from_path(place, project));
  static const os::SysvMemory memory = value_or_exit(os::SysvMemory::create(key, example::memory_size));
  const os::Mapping mapping = value_or_exit(memory.attach());
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
  const os::SysvMemory memory = example::open_when_there([&]() -> tenon::Result<os::SysvMemory> {
    const auto key = os::SysvKey::from_path(place, project);
    return key ? os::SysvMemory::open(*key) : std::unexpected(key.error());
  });
  const os::Mapping mapping = value_or_exit(memory.attach());
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
  const auto [is_server, place] = example::parse(argc, argv, "/tmp/example");
  return is_server ? serve(place) : call(place);
}
