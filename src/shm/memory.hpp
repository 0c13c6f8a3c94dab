// How the structures in shared memory touch it: each access by name, so that another policy can stand in for
// this one (a test's that changes memory between two loads, a model checker's).
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>

namespace tenon::shm {

/// The real thing. Words are 8-byte aligned; loads work on memory that is mapped read-only.
struct Memory {
  static std::uint64_t load_relaxed(const std::uint64_t* word) noexcept {
    return __atomic_load_n(word, __ATOMIC_RELAXED);
  }
  static std::uint64_t load_acquire(const std::uint64_t* word) noexcept {
    return __atomic_load_n(word, __ATOMIC_ACQUIRE);
  }
  static void store_relaxed(std::uint64_t* word, std::uint64_t value) noexcept {
    __atomic_store_n(word, value, __ATOMIC_RELAXED);
  }
  static void store_release(std::uint64_t* word, std::uint64_t value) noexcept {
    __atomic_store_n(word, value, __ATOMIC_RELEASE);
  }
  /// Between a store and a load of different words, where their order matters (Dekker's pattern).
  static void full_fence() noexcept { __atomic_thread_fence(__ATOMIC_SEQ_CST); }
  /// The same order for the compiler alone: the other side pays for both with membarrier(2).
  static void compiler_fence() noexcept { __atomic_signal_fence(__ATOMIC_SEQ_CST); }
};

/// Asks for the line at `place` early, without the other CPU's copy.
[[gnu::always_inline]] inline void prefetch_to_write(const void* place) noexcept {
#if defined(__x86_64__)
  asm volatile("prefetchw %0"
               :
               : "m"(*static_cast<const char*>(place)));  // baseline x86-64 has no builtin for it
#else
  __builtin_prefetch(place, 1);
#endif
}
[[gnu::always_inline]] inline void prefetch_to_read(const void* place) noexcept {
  __builtin_prefetch(place);
}

}  // namespace tenon::shm
