// What one side of a shared-memory channel owns, byte by byte: its region. It alone writes there; the peer maps
// the region read-only. docs/ring.md derives it.
//
//     0      header: what the region is, and the owner's words, each on a cache line of its own
//     2048   in the header: which blocks of the peer's the owner has returned
//     4096   data: the owner's outgoing ring, a power of two of bytes; mapped twice in a row, so that every
//            record is contiguous
#pragma once

#include <cstddef>
#include <cstdint>

namespace tenon::shm {

inline constexpr std::size_t cache_line = 64;
inline constexpr std::size_t header_size = 4096;
inline constexpr std::uint64_t region_magic = 0x314D'4853'4E4F'4E54;  ///< "TNONSHM1" in memory
inline constexpr std::uint32_t region_version = 2;
inline constexpr std::uint64_t least_capacity = 4096;
inline constexpr std::uint64_t most_capacity = 1ULL << 30;

/// Written by the owner; read by the peer, which trusts none of it.
struct RegionHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t size;      ///< header_size
  std::uint64_t capacity;  ///< bytes of data

  /// How far the owner has read in the *peer's* ring: the peer may write over what lies before.
  alignas(cache_line) std::uint64_t read_position;
  /// Odd while the owner wants the doorbell for a record that comes: it sleeps, or its poll descriptor is
  /// watched. Each time another number, so that one wish is one ring.
  alignas(cache_line) std::uint64_t wants_data;
  /// The same for room in the owner's own ring.
  alignas(cache_line) std::uint64_t wants_room;
};
static_assert(sizeof(RegionHeader) == 256 && sizeof(RegionHeader) <= header_size);
static_assert(offsetof(RegionHeader, read_position) == 64 && offsetof(RegionHeader, wants_data) == 128 &&
              offsetof(RegionHeader, wants_room) == 192);

/// Blocks that a side has at a time for messages that are longer than a record may be.
inline constexpr std::size_t most_blocks = 16;

/// Behind the RegionHeader: what the owner says about the peer's blocks.
struct ReturnWords {
  struct alignas(cache_line) Word {
    std::uint64_t generation;
  };
  /// For each of the peer's blocks, which message in it was the last that the owner is done with.
  Word returned[most_blocks];
  /// A position in the peer's ring: the owner waited for the record there while it held blocks.
  Word waits_holding;
};
inline constexpr std::size_t return_words = 2048;
static_assert(return_words >= sizeof(RegionHeader) && return_words + sizeof(ReturnWords) <= header_size);

/// What a record is. Zero is none: memory that was never written, or wiped, holds no record.
enum class RecordKind : std::uint8_t {
  message = 1,    ///< a whole message
  first = 2,      ///< begins a message that is too long for one record; begins with its total, 8 bytes
  middle = 3,     ///< goes on with it
  last = 4,       ///< ends it
  withdrawn = 5,  ///< ends it too: forget it
  close = 6,      ///< the sender will send nothing more
  lent = 7,       ///< a whole message, which lies in a block: a LentRecord
  skip = 8,       ///< nothing: the next record begins where this one ends
  dropped = 9,    ///< a block is no more: its number, 8 bytes
};

/// The first word of a record: its commit. Length in the low half, kind above it.
constexpr std::uint64_t record_word(RecordKind kind, std::uint32_t length) noexcept {
  return static_cast<std::uint64_t>(kind) << 32 | length;
}
inline constexpr std::size_t record_header = sizeof(std::uint64_t);

/// The payload of RecordKind::lent.
struct LentRecord {
  std::uint64_t block;       ///< its number, less than most_blocks
  std::uint64_t generation;  ///< counts the messages in blocks of that number, from 1
  std::uint64_t length;
  std::uint64_t
      brought;  ///< of a block that is new: its bytes, and its descriptor is in the socket. Otherwise 0
};
static_assert(sizeof(LentRecord) == 32);
static_assert(record_header + sizeof(LentRecord) <= cache_line);

/// Bytes of the ring that a record takes: a whole number of cache lines, so that a small message is one.
constexpr std::uint64_t record_size(std::uint64_t length) noexcept {
  return (record_header + length + cache_line - 1) / cache_line * cache_line;
}
/// The longest payload of one record: half the ring, so that one can be written while one is read.
constexpr std::uint64_t max_record(std::uint64_t capacity) noexcept {
  return capacity / 2 - 2 * cache_line;
}

/// What a record of this kind can be at most.
constexpr std::uint64_t max_size(RecordKind kind, std::uint64_t capacity) noexcept {
  return kind == RecordKind::skip ? capacity - cache_line - record_header : max_record(capacity);
}
/// Whether there is such a kind.
constexpr bool is_kind(RecordKind kind) noexcept {
  return kind >= RecordKind::message && kind <= RecordKind::dropped;
}

/// The longest message that lies in the ring with all of its parts.
constexpr std::uint64_t max_kept(std::uint64_t capacity) noexcept {
  return capacity - 16 * cache_line;
}

/// How far ahead of what it writes a writer zeroes words.
constexpr std::uint64_t zeroed_ahead(std::uint64_t capacity) noexcept {
  return capacity / 8 < 2048 ? capacity / 8 : 2048;
}

}  // namespace tenon::shm
