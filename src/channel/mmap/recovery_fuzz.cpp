// Fuzz target: whatever stands in a ring, examine() comes to an end, reads nothing outside it, and what it says is true:
// a reader that goes on from there finds whole messages up to the writer's place, and a second look finds the same.
//
// Input: `settled` and `read_position` (u16 each, in lines), then words for lines of the ring: a line (u8), a kind (u8)
// and a size (u16), or, if the kind has its high bit, 8 bytes as they are.
#include <cstdlib>
#include <cstring>

#include "channel/mmap/recovery.hpp"
#include "shm/ring.hpp"

namespace tenon::mapped {
namespace {

constexpr std::uint64_t capacity = 4096;

void require(bool condition) {
  if (!condition) std::abort();
}

struct Input {
  const std::uint8_t* at;
  std::size_t left;

  template <typename T>
  bool take(T& value) {
    if (left < sizeof value) return false;
    std::memcpy(&value, at, sizeof value);
    at += sizeof value;
    left -= sizeof value;
    return true;
  }
};

void fill(std::byte* ring, Input input) {
  std::uint8_t line = 0;
  std::uint8_t kind = 0;
  std::uint16_t size = 0;
  while (input.take(line) && input.take(kind) && input.take(size)) {
    std::uint64_t word = shm::record_word(static_cast<shm::RecordKind>(kind), size);
    if ((kind & 0x80) != 0 && !input.take(word)) return;
    std::memcpy(ring + line % (capacity / shm::cache_line) * shm::cache_line, &word, sizeof word);
    const std::uint64_t total = size * 2ULL;  // for those that begin a message
    std::memcpy(ring + line % (capacity / shm::cache_line) * shm::cache_line + 8, &total, sizeof total);
  }
}

void check(std::byte* ring, const Leftover& left) {
  const Unread& unread = left.unread;
  require(unread.begin <= unread.end && unread.end - unread.begin < capacity);
  std::byte* const end = ring + (unread.end & (capacity - 1));
  std::memset(end, 0, sizeof(std::uint64_t));
  // The reader sees the ring twice in a row, but looks at first lines only.
  std::uint64_t position = unread.begin;
  shm::RingReader<> reader(ring, capacity, &position, unread.begin);
  bool messages = false;
  while (const shm::Record* record = reader.front()) {
    require(record->kind != shm::RecordKind::close);
    messages = messages || record->kind == shm::RecordKind::message || record->kind == shm::RecordKind::last;
    reader.pop();
  }
  require(!reader.broken() && reader.position() == unread.end && messages == left.messages);
  const auto again = examine(ring, capacity, unread.begin, unread.begin);
  require(again && again->word == 0 && again->messages == left.messages &&
          again->unread.begin == unread.begin && again->unread.end == unread.end);
}

}  // namespace
}  // namespace tenon::mapped

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon::mapped;
  alignas(64) static std::byte ring[capacity + 64];
  std::memset(ring, 0, sizeof ring);
  Input input{data, size};
  std::uint16_t settled = 0;
  std::uint16_t read = 0;
  if (!input.take(settled) || !input.take(read)) return 0;
  fill(ring, input);
  if (const auto left = examine(ring, capacity, settled * 64ULL, read * 64ULL)) check(ring, *left);
  return 0;
}
