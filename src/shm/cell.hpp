// The latest value, from one writer to any number of readers: no queue, no lock. The writer never waits, whatever
// readers do, and may die at any instruction: the value before is still there.
//
// Memory: a word that counts the values, on a cache line of its own, then `slots` slots, each of a version, a size
// and the bytes. Value n goes into slot n % slots: the version is made odd, the bytes are written, the version is
// made even (2n), and the count becomes n. A reader goes by the count, which says that value n is there, to its slot,
// and takes what it found when the version is 2n afterwards: then nobody has begun to write there. Only a writer that
// goes round all slots during one read makes it try again. (A seqlock of several slots; H. Boehm, "Can seqlocks get
// along with programming language memory models?", 2012.)
//
// The bytes are loaded and stored as words with acquire and release, so that there is no data race to begin with: a
// reader that sees a byte of a later value also sees the odd version that came before it.
//
// Trust: a reader believes no size but one that fits, looks at each word once in a try, and writes nothing.
#pragma once

#include <algorithm>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>

#include "shm/layout.hpp"
#include "shm/memory.hpp"

namespace tenon::shm {

/// How the memory of a cell is used.
class CellLayout {
 public:
  static constexpr std::uint64_t slots = 4;

  /// For values of up to `most` bytes.
  explicit constexpr CellLayout(std::uint64_t most) noexcept
      : most_(most), slot_((2 * sizeof(std::uint64_t) + most + cache_line - 1) / cache_line * cache_line) {}

  constexpr std::uint64_t most() const noexcept { return most_; }
  /// Bytes that a cell takes; all zero is a cell without a value. Aligned to a cache line.
  constexpr std::uint64_t size() const noexcept { return cache_line + slots * slot_; }
  /// The version of value `number`'s slot, in words from the beginning; its size and bytes come behind.
  constexpr std::uint64_t slot_of(std::uint64_t number) const noexcept {
    return (cache_line + number % slots * slot_) / sizeof(std::uint64_t);
  }

 private:
  std::uint64_t most_;
  std::uint64_t slot_;
};

template <typename M = Memory>
class CellWriter {
 public:
  /// The only writer of `memory`. Goes on where one before it stopped, or was killed.
  CellWriter(std::uint64_t* memory, CellLayout layout) noexcept
      : memory_(memory), layout_(layout), number_(M::load_relaxed(memory)) {}

  /// Makes `value`, of at most layout.most() bytes, the latest.
  void write(std::span<const std::byte> value) noexcept {
    ++number_;
    std::uint64_t* word = memory_ + layout_.slot_of(number_);
    M::store_relaxed(word, 2 * number_ - 1);
    std::uint64_t* bytes = word + 1;
    M::store_release(bytes++, value.size());
    for (std::size_t at = 0; at < value.size(); at += sizeof(std::uint64_t)) {
      std::uint64_t part = 0;
      std::memcpy(&part, value.data() + at, std::min(sizeof part, value.size() - at));
      M::store_release(bytes++, part);  // SYNC: cell written
    }
    M::store_release(word, 2 * number_);  // SYNC: cell written
    M::store_release(memory_, number_);   // SYNC: cell published
  }

  /// How many values there were.
  std::uint64_t number() const noexcept { return number_; }

 private:
  std::uint64_t* memory_;
  CellLayout layout_;
  std::uint64_t number_;
};

struct CellValue {
  std::uint64_t number;  ///< counted from 1: what was read before is not news
  std::uint64_t size;
};

template <typename M = Memory>
class CellReader {
 public:
  CellReader(const std::uint64_t* memory, CellLayout layout) noexcept : memory_(memory), layout_(layout) {}

  /// The number of the latest value, 0 while there is none: one load.
  std::uint64_t number() const noexcept { return M::load_acquire(memory_); }

  /// Copies the latest value to the beginning of `into`, which has at least layout.most() bytes. Nothing when there
  /// is none, or the writer went round all slots during each of `tries`.
  std::optional<CellValue> read(std::span<std::byte> into, int tries = 100) const noexcept {
    for (int i = 0; i < tries; ++i) {
      const std::uint64_t newest = number();  // SYNC: cell published
      if (newest == 0) return std::nullopt;
      if (const auto size = copy(newest, into)) return CellValue{newest, *size};
    }
    return std::nullopt;
  }

 private:
  std::optional<std::uint64_t> copy(std::uint64_t number, std::span<std::byte> into) const noexcept {
    const std::uint64_t* const word = memory_ + layout_.slot_of(number);
    const std::uint64_t* bytes = word + 1;
    const std::uint64_t size = M::load_acquire(bytes++);
    if (size > layout_.most()) return std::nullopt;
    for (std::size_t at = 0; at < size; at += sizeof(std::uint64_t)) {
      const std::uint64_t part = M::load_acquire(bytes++);  // SYNC: cell written
      std::memcpy(into.data() + at, &part, std::min(sizeof part, size - at));
    }
    if (M::load_relaxed(word) != 2 * number) return std::nullopt;  // SYNC: cell written
    return size;
  }

  const std::uint64_t* memory_;
  CellLayout layout_;
};

}  // namespace tenon::shm
