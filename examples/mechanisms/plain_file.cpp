// A plain file as a conversation: both sides append 4-byte records to one file, and each waits for the
// other's next.
//
//   plain_file server [PLACE]     makes the file at PLACE (/tmp/tenon-plain), removes it at the end
//   plain_file client [PLACE]
//
// Records 0, 2, 4… are the client's, 1, 3, 5… the server's: ping pong ping pong … and at last "end" and a
// line feed, to be 4 bytes too. Nothing is overwritten, so `cat PLACE` shows all that was said so far. An
// append is whole, and goes to the end, wherever that is (O_APPEND); the other side is told by inotify that
// the file has grown.
#include <array>
#include <chrono>

#include <tenon/os/file.hpp>
#include <tenon/os/file_watch.hpp>

#include "example.hpp"

using namespace std::chrono_literals;
using example::say;
using example::until_interrupted;
using example::value_or_exit;
using tenon::Deadline;
namespace os = tenon::os;

namespace {

constexpr std::size_t record_size = 4;

std::string read_record(os::File& file, std::uint64_t number, Deadline deadline) {
  std::array<std::byte, record_size> record;
  value_or_exit(file.read_record(number * record_size, record, deadline));
  return std::string(tenon::text_of(record));
}

int serve(const std::string& place) {
  const Deadline deadline = until_interrupted();
  os::File file = value_or_exit(os::File::create(place));
  static const os::OwnedName name = value_or_exit(file.own_name());  // static: removed by exit() too
  say("Server", "waiting at " + place);
  for (std::uint64_t number = 0;; number += 2) {
    const std::string message = read_record(file, number, deadline);
    if (message == "end\n") return 0;
    if (message != "ping") {
      std::fprintf(stderr, "Server Error: received invalid message '%s'\n", message.c_str());
      return 1;
    }
    say("Server", "Received " + message);
    value_or_exit(file.append(tenon::bytes_of("pong")));
    say("Server", "Sent pong");
  }
}

int call(const std::string& place) {
  value_or_exit(os::wait_until_exists(place, Deadline::in(5s)));
  os::File file = value_or_exit(os::File::open(place));
  for (std::uint64_t number = 0; number < 2 * example::rounds; number += 2) {
    value_or_exit(file.append(tenon::bytes_of("ping")));
    say("Client", "Sent ping");
    say("Client", "Received " + read_record(file, number + 1, Deadline::in(5s)));
  }
  value_or_exit(file.append(tenon::bytes_of("end\n")));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "/tmp/tenon-plain");
  return is_server ? serve(place) : call(place);
}
