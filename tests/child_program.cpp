// The program that spawn_test and event_test start: a child with a channel, which does what its argument says.
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <tenon/event.hpp>
#include <tenon/process.hpp>

namespace {

/// Waits for `go` and answers with twice as many `done`.
bool double_events() {
  auto go = tenon::inherited_event("go");
  auto done = tenon::inherited_event("done");
  if (!go || !done || std::getenv("TENON_EVENTS") != nullptr) return false;
  const auto taken = go->wait();
  return taken && done->notify(2 * taken->count);
}

}  // namespace

int main(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "";
  if (role == "stranger") return 3;  // knows nothing of channels
  if (role == "sleeper") return ::pause();
  auto channel = tenon::inherited();
  if (!channel) return 9;
  if (std::getenv("TENON_CHANNEL") != nullptr) return 8;  // a grandchild would believe it
  if (role == "die") ::raise(SIGKILL);
  if (role == "events" && !double_events()) return 6;
  while (auto message = channel->borrow()) {
    if (!channel->send(message->bytes())) return 7;
  }
  return 0;
}
