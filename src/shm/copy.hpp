// Copies of payloads into records and out of them. Most messages are small, and a call of memcpy(3) costs as much as
// moving the two lines of one of them: so those are copied here.
#pragma once

#include <cstddef>
#include <cstdint>
#include <cstring>
#include <iterator>

#include "shm/layout.hpp"
#include "shm/memory.hpp"

namespace tenon::shm {

namespace detail {

/// 16 bytes in a register, wherever they lie in memory.
using Block [[gnu::vector_size(16), gnu::aligned(1), gnu::may_alias]] = long long;

template <typename Unit>
[[gnu::always_inline]] inline Unit load(const std::byte* from) noexcept {
  Unit unit;
  std::memcpy(&unit, from, sizeof unit);
  return unit;
}
template <typename Unit>
[[gnu::always_inline]] inline void store(std::byte* to, Unit unit) noexcept {
  std::memcpy(to, &unit, sizeof unit);
}

/// From one unit to two: the first and the last, which may overlap.
template <typename Unit>
[[gnu::always_inline]] inline void copy_ends(std::byte* to, const std::byte* from,
                                             std::size_t size) noexcept {
  const Unit first = load<Unit>(from);
  const Unit last = load<Unit>(from + size - sizeof(Unit));
  store(to, first);
  store(to + size - sizeof(Unit), last);
}

}  // namespace detail

[[gnu::always_inline]] inline void copy(std::byte* to, const std::byte* from, std::size_t size) noexcept {
  using detail::Block;
  using detail::copy_ends;
  constexpr std::size_t small = 2 * cache_line;
  if (size > small) {
    std::memcpy(to, from, size);
  } else if (size >= sizeof(Block)) {
    std::size_t at = 0;
    for (; at + 2 * sizeof(Block) < size; at += sizeof(Block)) {
      detail::store(to + at, detail::load<Block>(from + at));
    }
    copy_ends<Block>(to + at, from + at, size - at);
  } else if (size >= 8) {
    copy_ends<std::uint64_t>(to, from, size);
  } else if (size >= 4) {
    copy_ends<std::uint32_t>(to, from, size);
  } else if (size >= 2) {
    copy_ends<std::uint16_t>(to, from, size);
  } else if (size == 1) {
    *to = *from;
  }
}

/// Into a record. The line that the reader polls is written last and at once, with the word that will follow, and no
/// store goes over its end: so it moves between the two CPUs once.
[[gnu::always_inline]] inline void copy_payload(std::byte* place, const std::byte* from,
                                                std::size_t size) noexcept {
  constexpr std::size_t beside_word = cache_line - record_header;
  if (size < beside_word) return copy(place, from, size);
  prefetch_to_write(place + beside_word);
  copy(place + beside_word, from + beside_word, size - beside_word);
  std::memcpy(place, from, beside_word);
}

/// A structure of words, out of memory that the peer may change: each is loaded once.
template <typename Words>
void load_once(const std::byte* from, Words& into) noexcept {
  static_assert(sizeof into % sizeof(std::uint64_t) == 0);
  std::uint64_t copy[sizeof into / sizeof(std::uint64_t)];
  for (std::size_t i = 0; i < std::size(copy); ++i)
    copy[i] = Memory::load_relaxed(reinterpret_cast<const std::uint64_t*>(from) + i);
  std::memcpy(&into, copy, sizeof copy);
}

}  // namespace tenon::shm
