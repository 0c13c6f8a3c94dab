#include "bench/os/clock.hpp"

#include <sys/resource.h>
#include <ctime>
#include <fstream>
#include <string>

namespace bench {
namespace {

std::int64_t ns_of(timeval time) noexcept {
  return std::int64_t{time.tv_sec} * 1'000'000'000 + std::int64_t{time.tv_usec} * 1000;
}

rusage usage_of(int who) noexcept {
  rusage usage{};
  ::getrusage(who, &usage);
  return usage;
}

}  // namespace

std::int64_t now_ns() noexcept {
  timespec time{};
  ::clock_gettime(CLOCK_MONOTONIC_RAW, &time);
  return std::int64_t{time.tv_sec} * 1'000'000'000 + time.tv_nsec;
}

Usage usage_now() noexcept {
  const rusage usage = usage_of(RUSAGE_SELF);
  return {ns_of(usage.ru_utime) + ns_of(usage.ru_stime), static_cast<std::uint64_t>(usage.ru_nvcsw),
          static_cast<std::uint64_t>(usage.ru_nivcsw)};
}

std::int64_t cpu_of_family_ns() noexcept {
  const rusage own = usage_of(RUSAGE_SELF);
  const rusage children = usage_of(RUSAGE_CHILDREN);
  return ns_of(own.ru_utime) + ns_of(own.ru_stime) + ns_of(children.ru_utime) + ns_of(children.ru_stime);
}

std::uint64_t own_memory() {
  std::ifstream file("/proc/self/smaps_rollup");
  for (std::string word; file >> word;) {
    std::uint64_t kib = 0;
    if (word == "Pss:" && file >> kib) return kib * 1024;
  }
  return 0;
}

void relax() noexcept {
#if defined(__x86_64__) || defined(__i386__)
  __builtin_ia32_pause();
#elif defined(__aarch64__)
  asm volatile("yield");
#endif
}

}  // namespace bench
