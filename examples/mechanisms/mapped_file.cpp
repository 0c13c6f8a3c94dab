// A memory-mapped file: 20 bytes of a file, used as memory by both. Client and server write `ping` and `pong`
// over each other at offset 0, `end` ends.
//
//   mapped_file server [PLACE]     makes the file PLACE (/tmp/tenon-mapped), removes it at the end
//   mapped_file client [PLACE]
//
// Both map the same pages of the page cache, so that each sees at once what the other stores; the disk gets
// it some time later, which matters only to whoever reads it after a crash of the machine (sync()).
#include <tenon/os/mapped_file.hpp>
#include <tenon/os/owned_name.hpp>

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
  const os::MappedFile file = value_or_exit(os::MappedFile::create(place, example::memory_size));
  // The file would stay, as files do. static: removed by exit() too.
  static const os::OwnedName name(place, value_or_exit(file.fd().duplicate()));
  const example::SharedWord word(file.bytes());
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
  const os::MappedFile file = example::open_when_there([&] { return os::MappedFile::open(place); });
  const example::SharedWord word(file.bytes());
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
  const auto [is_server, place] = example::parse(argc, argv, "/tmp/tenon-mapped");
  return is_server ? serve(place) : call(place);
}
