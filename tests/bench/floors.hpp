// What the same is to cost at least, without any library: a flag that two processes pass back and forth, a futex
// likewise, a textbook ring of fixed slots, and a copy between two buffers in the cache.
#pragma once

#include <linux/futex.h>
#include <sys/syscall.h>
#include <atomic>
#include <cstring>
#include <utility>

#include "bench/pair.hpp"

namespace tenon::bench {

constexpr std::size_t floor_ring = 8U << 20;

struct Floors {
  alignas(64) std::atomic<std::uint32_t> ping{0};
  alignas(64) std::atomic<std::uint32_t> pong{0};
  alignas(64) std::atomic<std::uint64_t> written{0};
  alignas(64) std::atomic<std::uint64_t> read{0};
  alignas(64) std::array<std::byte, floor_ring> slots{};

  template <typename Wait, typename Set>
  double pass_back_and_forth(std::uint32_t chunks, std::uint32_t rounds, Wait wait, Set set) {
    ping = pong = 0;
    return run(
        [&] {
          for (std::uint32_t i = 1; i <= chunks * rounds; ++i) {
            wait(ping, i);
            set(pong, i);
          }
        },
        [&] {
          Chunks times;
          times.begin();
          for (std::uint32_t i = 1; i <= chunks * rounds; ++i) {
            set(ping, i);
            wait(pong, i);
            if (i % rounds == 0) times.next();
          }
          return times.typical() / rounds;
        });
  }

  /// Nanoseconds of a round trip.
  double flag() {
    return pass_back_and_forth(
        400, 100,
        [](std::atomic<std::uint32_t>& word, std::uint32_t value) {
          while (word.load(std::memory_order_acquire) != value) {
          }
        },
        [](std::atomic<std::uint32_t>& word, std::uint32_t value) {
          word.store(value, std::memory_order_release);
        });
  }
  double futex() {
    return pass_back_and_forth(
        100, 10,
        [](std::atomic<std::uint32_t>& word, std::uint32_t value) {
          while (word.load(std::memory_order_acquire) != value)
            ::syscall(SYS_futex, &word, FUTEX_WAIT, value - 1, nullptr, nullptr, 0);
        },
        [](std::atomic<std::uint32_t>& word, std::uint32_t value) {
          word.store(value, std::memory_order_release);
          ::syscall(SYS_futex, &word, FUTEX_WAKE, 1, nullptr, nullptr, 0);
        });
  }

  /// Nanoseconds of a message through a ring of `slots` slots of exactly `size` bytes, copied in and out, each side's
  /// index on its own line and the other's remembered.
  double ring(std::size_t size, std::size_t slot_count, std::uint64_t chunks, std::uint64_t chunk) {
    written = read = 0;
    return run(
        [&] {
          const std::vector<std::byte> message(size, std::byte{1});
          std::uint64_t free_from = 0;
          for (std::uint64_t i = 0; i < chunks * chunk; ++i) {
            while (i - free_from >= slot_count) free_from = read.load(std::memory_order_acquire);
            std::memcpy(slots.data() + i % slot_count * size, message.data(), size);
            written.store(i + 1, std::memory_order_release);
          }
        },
        [&] {
          std::vector<std::byte> buffer(size);
          std::uint64_t filled_to = 0;
          Chunks times;
          for (std::uint64_t k = 0, i = 0; k < chunks; ++k) {
            if (k > 0) times.begin();
            for (const std::uint64_t end = i + chunk; i < end; ++i) {
              while (i == filled_to) filled_to = written.load(std::memory_order_acquire);
              std::memcpy(buffer.data(), slots.data() + i % slot_count * size, size);
              look_at(buffer.data());
              read.store(i + 1, std::memory_order_release);
            }
            if (k > 0) times.next();
          }
          return times.typical() / static_cast<double>(chunk);
        });
  }
  /// The best of rings that fit the first cache, the second, and the one that CPUs share; of at least 4 slots.
  double best_ring(std::size_t size, std::uint64_t chunks, std::uint64_t chunk) {
    double best = 1e18;
    std::size_t last = 0;
    for (const std::size_t bytes : {32U << 10, 256U << 10, 4U << 20}) {
      const std::size_t slot_count = std::max<std::size_t>(4, bytes / size);
      if (slot_count != std::exchange(last, slot_count))
        best = std::min(best, ring(size, slot_count, chunks, chunk));
    }
    return best;
  }
};

/// Nanoseconds of a copy of `size` bytes from one buffer to another, both in the cache as far as they fit.
inline double copy(std::size_t size, std::uint64_t chunk) {
  pin(0);
  std::vector<std::byte> from(size, std::byte{1});
  std::vector<std::byte> to(size);
  Chunks times;
  for (int k = 0; k < 20; ++k) {
    times.begin();
    for (std::uint64_t i = 0; i < chunk; ++i) {
      look_at(from.data());
      std::memcpy(to.data(), from.data(), size);
      look_at(to.data());
    }
    times.next();
  }
  return times.typical() / static_cast<double>(chunk);
}

}  // namespace tenon::bench
