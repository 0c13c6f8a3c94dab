// The program that spawn_test starts: a child with a channel, which does what its argument says.
#include <unistd.h>
#include <csignal>
#include <cstdlib>
#include <string_view>

#include <tenon/process.hpp>

int main(int argc, char** argv) {
  const std::string_view role = argc > 1 ? argv[1] : "";
  if (role == "stranger") return 3;  // knows nothing of channels
  if (role == "sleeper") return ::pause();
  auto channel = tenon::inherited();
  if (!channel) return 9;
  if (std::getenv("TENON_CHANNEL") != nullptr) return 8;  // a grandchild would believe it
  if (role == "die") ::raise(SIGKILL);
  while (auto message = channel->borrow()) {
    if (!channel->send(message->bytes())) return 7;
  }
  return 0;
}
