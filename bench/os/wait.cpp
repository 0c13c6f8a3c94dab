#include "bench/os/wait.hpp"

#include <poll.h>
#include <ctime>
#include <vector>

#include "bench/os/clock.hpp"

namespace bench {
namespace {

constexpr int at_most_ms = 50;
constexpr std::int64_t late_ns = 200'000;  // how much later than asked for a sleep may end

}  // namespace

void wait_readable(std::span<const int> descriptors) {
  std::vector<pollfd> waits;
  for (const int fd : descriptors) waits.push_back({fd, POLLIN, 0});
  ::poll(waits.data(), waits.size(), at_most_ms);
}

void wait_until(std::int64_t until_ns) noexcept {
  if (const std::int64_t left = until_ns - now_ns(); left > 2 * late_ns) {
    const timespec time{0, static_cast<long>(std::int64_t{left} - late_ns) % 1'000'000'000};
    ::nanosleep(&time, nullptr);
  }
  while (now_ns() < until_ns) relax();
}

}  // namespace bench
