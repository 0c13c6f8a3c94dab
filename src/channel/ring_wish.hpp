// How one side of a channel in shared memory sleeps without being forgotten, and how the other finds out. Both
// store one word and then load the other's: the order of the two is what everything hangs on (docs/ring.md).
#pragma once

#include <cstdint>

#include "os/doorbell.hpp"
#include "os/membarrier.hpp"
#include "shm/memory.hpp"

namespace tenon {

/// Whether both sides have agreed that whoever goes to sleep pays for the order: os::heavy_fence().
enum class Fences : std::uint8_t { on_both_sides, by_the_sleeper };

/// Between a store of whoever acts and its load of a wish.
inline void order_store_and_load(Fences fences) noexcept {
  if (fences == Fences::by_the_sleeper) {
    shm::Memory::compiler_fence();
  } else {
    shm::Memory::full_fence();
  }
}

/// A word of ours by which we ask for the bell. Odd while we want it; each time another number.
class Wish {
 public:
  Wish(std::uint64_t* word, Fences fences) noexcept : word_(word), fences_(fences) {}

  /// From here on the peer rings for what it does next. What it did before is seen by looking again now.
  /// False when that cannot be promised: then do not sleep for long.
  bool make() noexcept {
    number_ += 1 + number_ % 2;
    shm::Memory::store_relaxed(word_, number_);  // SYNC: wish
    if (fences_ == Fences::by_the_sleeper) return os::heavy_fence();
    shm::Memory::full_fence();
    return true;
  }
  void drop() noexcept {
    if (number_ % 2 == 1) shm::Memory::store_relaxed(word_, ++number_);
  }

 private:
  std::uint64_t* word_;
  std::uint64_t number_ = 0;
  Fences fences_;
};

/// The peer's word, looked at after each thing that it may have asked to be told of.
class WishOfPeer {
 public:
  WishOfPeer(const std::uint64_t* word, Fences fences) noexcept : word_(word), fences_(fences) {}

  /// Rings, once for each wish. False when the peer turned out to be gone.
  bool heed(os::Doorbell& bell) noexcept {
    order_store_and_load(fences_);
    const std::uint64_t number = shm::Memory::load_relaxed(word_);  // SYNC: wish
    if (number % 2 == 0 || number == heeded_) [[likely]]
      return true;
    heeded_ = number;
    ++rings_;
    return bell.ring();
  }
  std::uint64_t rings() const noexcept { return rings_; }

 private:
  const std::uint64_t* word_;
  std::uint64_t heeded_ = 0;
  std::uint64_t rings_ = 0;
  Fences fences_;
};

}  // namespace tenon
