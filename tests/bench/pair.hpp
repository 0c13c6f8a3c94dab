// Two pinned processes that measure something together, and how to make numbers of it.
#pragma once

#include <sched.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstdlib>
#include <functional>
#include <vector>

namespace tenon::bench {

using Clock = std::chrono::steady_clock;

inline void pin(int cpu) {
  cpu_set_t set;
  CPU_ZERO(&set);
  CPU_SET(static_cast<unsigned>(cpu), &set);
  if (::sched_setaffinity(0, sizeof set, &set) != 0) std::perror("sched_setaffinity");
}

inline double median(std::vector<double> of) {
  if (of.empty()) return 0;
  const auto middle = of.begin() + static_cast<std::ptrdiff_t>(of.size() / 2);
  std::ranges::nth_element(of, middle);
  return *middle;
}

/// The time of each of many short chunks of the same work. Its median does not see the few in which somebody else had
/// the CPU: the same rule for floors and for tenon.
class Chunks {
 public:
  Chunks() { nanoseconds_.reserve(4096); }
  void begin() { start_ = Clock::now(); }
  void next() {
    const auto now = Clock::now();
    nanoseconds_.push_back(std::chrono::duration<double, std::nano>(now - start_).count());
    start_ = now;
  }
  double typical() const { return median(nanoseconds_); }

 private:
  Clock::time_point start_;
  std::vector<double> nanoseconds_;
};

/// Runs `other` in a second process on CPU 1 and `mine` here on CPU 0; what `mine` returns.
inline double run(const std::function<void()>& other, const std::function<double()>& mine) {
  std::array<int, 2> ready{};
  if (::pipe(ready.data()) != 0) std::exit(1);
  const pid_t child = ::fork();
  if (child == 0) {
    pin(1);
    ::close(ready[0]);
    ::close(ready[1]);
    other();
    ::_exit(0);
  }
  ::close(ready[1]);
  char none = 0;
  pin(0);
  if (::read(ready[0], &none, 1) != 0) std::exit(1);  // ends when the other is where it should be
  ::close(ready[0]);
  const double result = mine();
  int status = 0;
  ::waitpid(child, &status, 0);
  if (status != 0) std::exit(1);
  return result;
}

/// Memory that both see.
template <typename T>
T& shared() {
  void* const memory =
      ::mmap(nullptr, sizeof(T), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS | MAP_POPULATE, -1, 0);
  if (memory == MAP_FAILED) std::exit(1);
  return *new (memory) T;
}

/// The compiler must believe that somebody looks at it.
inline void look_at(const void* memory) {
  asm volatile("" ::"r"(memory) : "memory");
}

}  // namespace tenon::bench
