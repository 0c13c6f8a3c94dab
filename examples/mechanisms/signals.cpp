// Signals as messages: SIGUSR2 is ping, SIGUSR1 is pong, SIGQUIT ends the server.
//
//   signals server [PLACE]     writes its pid to the file PLACE (/tmp/tenon-signals.pid), removes it at the
//   end signals client [PLACE]     PLACE: that file, or the pid itself
//
// The kernel tells who sent a signal (si_pid): the server answers that process, and needs to know none
// beforehand. A signal carries no bytes, and the same one twice before the first is received is one: so the
// client waits for each pong before its next ping. Both receive from a descriptor (signalfd) instead of being
// interrupted by a handler.
#include <unistd.h>
#include <array>
#include <charconv>
#include <chrono>
#include <csignal>
#include <thread>

#include <tenon/os/file.hpp>
#include <tenon/os/process.hpp>
#include <tenon/os/signals.hpp>

#include "example.hpp"

using namespace std::chrono_literals;
using example::say;
using example::value_or_exit;
using tenon::Deadline;
namespace os = tenon::os;

namespace {

int serve(const std::string& place) {
  // Blocked before the pid is known to anyone: a signal without this would end the process.
  const auto signals = value_or_exit(os::SignalFd::create({SIGUSR2, SIGQUIT, SIGINT, SIGTERM}));
  os::File file = value_or_exit(os::File::create(place));
  static const os::OwnedName name = value_or_exit(file.own_name());  // static: removed by exit() too
  value_or_exit(file.append(tenon::bytes_of(std::to_string(::getpid()) + "\n")));
  say("Server", "waiting as process " + std::to_string(::getpid()) + ", as " + place + " says");
  for (;;) {
    const os::ReceivedSignal got = value_or_exit(signals.receive());
    if (got.number == SIGQUIT) return 0;
    if (got.number != SIGUSR2) return 1;  // Ctrl-C
    say("Server", "Received ping");
    value_or_exit(os::send_signal(got.sender_pid, SIGUSR1));
    say("Server", "Sent pong");
  }
}

/// The number in `text`, or 0.
int pid_in(std::string_view text) {
  int pid = 0;
  const auto [end, error] = std::from_chars(text.data(), text.data() + text.size(), pid);
  return error == std::errc() && (end == text.data() + text.size() || *end == '\n') ? pid : 0;
}

/// The pid in the server's file, once that is there and its line is complete: waits for at most 5 s.
int read_pid(const std::string& place) {
  for (const Deadline deadline = Deadline::in(5s);; std::this_thread::sleep_for(10ms)) {
    auto file = os::File::open(place, os::File::Access::read);
    if (!file && (file.error().code() != tenon::Errc::not_found || deadline.expired())) {
      value_or_exit(std::move(file));
    }
    std::array<std::byte, 16> buffer;
    const std::size_t got = file ? value_or_exit(file->read_at(0, buffer)) : 0;
    const std::string_view text = tenon::text_of(tenon::ByteView(buffer).first(got));
    if (text.ends_with('\n') && pid_in(text) > 0) return pid_in(text);
    if (deadline.expired()) {
      std::fprintf(stderr, "%s holds no pid\n", place.c_str());
      std::exit(1);
    }
  }
}

int call(const std::string& place) {
  const auto signals = value_or_exit(os::SignalFd::create({SIGUSR1}));
  const int named = pid_in(place);
  // Held by a descriptor: if the server ends, its pid may become someone else's, and this never hits them.
  const auto server = value_or_exit(os::Process::open(named > 0 ? named : read_pid(place)));
  for (int i = 0; i < example::rounds; ++i) {
    value_or_exit(server.kill(SIGUSR2));
    say("Client", "Sent ping");
    const os::ReceivedSignal got = value_or_exit(signals.receive(Deadline::in(5s)));
    if (got.sender_pid != server.pid()) {
      std::fprintf(stderr, "Client Error: process %d interfered\n", got.sender_pid);
      return 1;
    }
    say("Client", "Received pong");
  }
  value_or_exit(server.kill(SIGQUIT));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  const auto [is_server, place] = example::parse(argc, argv, "/tmp/tenon-signals.pid");
  return is_server ? serve(place) : call(place);
}
