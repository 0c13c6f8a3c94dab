#include "support/queue_limit.hpp"

#include <fcntl.h>
#include <mqueue.h>
#include <sys/file.h>
#include <unistd.h>
#include <array>
#include <cstring>
#include <mutex>
#include <stdexcept>
#include <string_view>

#include "os/private_queues.hpp"

namespace tenon::test {
namespace {

std::mutex mutex;
int turns = 0;
int lock = -1;

constexpr std::size_t most_places = 64;
using Place = std::array<char, 128>;
std::array<Place, most_places> places{};
std::size_t noted = 0;

/// The place where those meet who use this queue.
std::string_view place_of(std::string_view name) noexcept {
  return name.substr(0, name.rfind(".tenon"));
}

bool exists(const std::string& name) {
  const int queue = ::mq_open(name.c_str(), O_RDONLY | O_NONBLOCK);
  if (queue >= 0) ::close(queue);
  return queue >= 0 || errno != ENOENT;
}

}  // namespace

QueueTurn::QueueTurn(bool needed) : needed_(needed) {
  const std::lock_guard guard(mutex);
  if (!needed_ || turns++ > 0) return;
  // Something that every process of the machine can open, and that nobody else locks.
  lock = ::open("/proc/sys/fs/mqueue/msg_max", O_RDONLY | O_CLOEXEC);
  if (lock < 0 || ::flock(lock, LOCK_EX) != 0) throw std::runtime_error("no turn for tests with queues");
}

QueueTurn::~QueueTurn() {
  const std::lock_guard guard(mutex);
  if (needed_ && --turns == 0) ::close(lock);
}

void note_queue(const char* name) noexcept {
  const std::string_view place = place_of(name[0] == '/' ? name + 1 : name);
  const std::lock_guard guard(mutex);
  for (std::size_t i = 0; i < noted; ++i) {
    if (place == places[i].data()) return;
  }
  if (noted == most_places || place.size() >= places[noted].size()) return;
  places[noted] = {};
  place.copy(places[noted++].data(), place.size());
}

std::vector<std::string> queues_left() {
  std::vector<std::string> left;
  const auto look = [&](const std::string& name) {
    if (exists(name)) left.push_back(name);
  };
  for (std::size_t i = 0; i < noted; ++i) {
    const std::string place = std::string("/") + places[i].data();
    look(place);
    for (unsigned slot = 0; slot < os::queue_slots; ++slot) {
      look(os::private_queue_name(place, slot, os::QueueEnd::to_listener));
      look(os::private_queue_name(place, slot, os::QueueEnd::to_client));
    }
  }
  return left;
}

void forget_queues() noexcept {
  const std::lock_guard guard(mutex);
  noted = 0;
}

}  // namespace tenon::test
