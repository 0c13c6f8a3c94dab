// The file of a channel in a mapped file, byte by byte (docs/transports/mmap.md):
//
//     0                  header: what the file is, and who sits in its two seats
//     4096               the listener's region (shm/layout.hpp): a page of words, then its outgoing ring
//     4096 + region      the connector's
//
// Every word has one writer at a time; what is here is a wish of the processes that are or were there, and is checked.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>

#include "shm/layout.hpp"

namespace tenon::mapped {

inline constexpr std::uint64_t file_magic = 0x5041'4D4E'4F4E'4554;  ///< "TENONMAP" in the file
inline constexpr std::uint32_t file_version = 1;
inline constexpr std::uint64_t header_size = 4096;
/// A byte that means nothing: what is read or written to be heard (os/nudge.hpp).
inline constexpr std::uint64_t idle_byte = header_size - 1;

enum class Role : std::uint8_t { listener, connector };
constexpr Role other(Role role) noexcept {
  return role == Role::listener ? Role::connector : Role::listener;
}

/// What the one in a seat is doing.
enum class Stage : std::uint8_t {
  none,     ///< nobody ever sat there
  waiting,  ///< a listener, for a call
  calling,  ///< a connector, for an answer
  talking,
  refused,  ///< a listener that cannot answer this call
  left,
};

/// The lock on its first byte says whether somebody sits there; the rest is what he says. A session is one
/// connection; its number is larger than all before.
struct Seat {
  std::uint64_t state;    ///< session << 8 | Stage: stored last
  std::uint64_t process;  ///< id, in its own container
  std::uint64_t takes;    ///< bytes of the largest message that it is willing to receive
  std::uint64_t fences;   ///< 1: it is within reach of heavy fences and can make them
  std::uint64_t unused[4];
};
constexpr std::uint64_t state_of(std::uint64_t session, Stage stage) noexcept {
  return session << 8 | static_cast<std::uint64_t>(stage);
}
constexpr std::uint64_t session_of(std::uint64_t state) noexcept {
  return state >> 8;
}
constexpr Stage stage_of(std::uint64_t state) noexcept {
  return static_cast<Stage>(state & 0xFF);
}
inline constexpr std::uint64_t last_session = 1ULL << 48;

/// What is unread in a ring when a session begins: positions.
struct Unread {
  std::uint64_t begin;
  std::uint64_t end;
};

struct FileHeader {
  std::uint64_t magic;
  std::uint32_t version;
  std::uint32_t size;      ///< header_size
  std::uint64_t capacity;  ///< of each ring: a power of two
  char boot[40];           ///< which start of the machine last used it, as text

  alignas(shm::cache_line) Seat listener;
  alignas(shm::cache_line) Seat connector;
  /// Written by the listener before it answers.
  alignas(shm::cache_line) Unread to_listener;
  Unread to_connector;
  std::uint64_t sum;  ///< of what was unread when the last one left, unless he was killed; 0 for none
};
static_assert(sizeof(Seat) == shm::cache_line && offsetof(FileHeader, listener) == 64 &&
              offsetof(FileHeader, connector) == 128 && offsetof(FileHeader, to_listener) == 192 &&
              sizeof(FileHeader) == 256);

/// Behind the shm::RegionHeader of a region: the owner's words that only memory with a life of its own needs.
struct KeptWords {
  /// How far the owner has read in the peer's ring, message for message: a successor goes on from here, or from
  /// `read_position` if that is further.
  alignas(shm::cache_line) std::uint64_t settled;
  /// Each time another number, when the owner wakes the peer: futexes.
  alignas(shm::cache_line) std::atomic<std::uint32_t> data_bell;
  alignas(shm::cache_line) std::atomic<std::uint32_t> room_bell;
  /// 1: the owner has a poll descriptor, so the peer's data bell nudges the file as well.
  alignas(shm::cache_line) std::atomic<std::uint32_t> polls;
};
inline constexpr std::size_t kept_words = sizeof(shm::RegionHeader);
static_assert(sizeof(KeptWords) == 256 && kept_words % shm::cache_line == 0 &&
              std::atomic<std::uint32_t>::is_always_lock_free);

constexpr std::uint64_t region_size(std::uint64_t capacity) noexcept {
  return shm::header_size + capacity;
}
constexpr std::uint64_t region_offset(Role owner, std::uint64_t capacity) noexcept {
  return header_size + (owner == Role::listener ? 0 : region_size(capacity));
}
constexpr std::uint64_t file_size(std::uint64_t capacity) noexcept {
  return header_size + 2 * region_size(capacity);
}
constexpr std::uint64_t seat_offset(Role role) noexcept {
  return role == Role::listener ? offsetof(FileHeader, listener) : offsetof(FileHeader, connector);
}

}  // namespace tenon::mapped
