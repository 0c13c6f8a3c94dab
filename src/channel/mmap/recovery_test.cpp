// What is found in a ring that others have left: after every store of a writer that is killed there, and in memory that
// no writer made.
#include "channel/mmap/recovery.hpp"

#include <cstring>
#include <random>
#include <string>
#include <vector>

#include "shm/ring.hpp"
#include "support/expect.hpp"
#include "support/meeting.hpp"

namespace tenon::mapped {
namespace {

using namespace test;
using shm::RecordKind;

constexpr std::uint64_t capacity = 4096;

/// Stores until it is killed.
struct Mortal : shm::Memory {
  static inline int stores_left = 0;

  static bool lives() noexcept { return stores_left > 0; }
  static void store_relaxed(std::uint64_t* word, std::uint64_t value) noexcept {
    if (stores_left-- > 0) shm::Memory::store_relaxed(word, value);
  }
  static void store_release(std::uint64_t* word, std::uint64_t value) noexcept {
    if (stores_left-- > 0) shm::Memory::store_release(word, value);
  }
};

/// A ring in plain memory, with room for what goes over its end: only first lines of records are looked at.
struct Ring {
  alignas(64) std::byte data[2 * capacity]{};
  alignas(64) std::uint64_t settled = 0;
  alignas(64) std::uint64_t read_position = 0;

  auto look() const { return examine(data, capacity, settled, read_position); }
  void put_word(std::uint64_t at, std::uint64_t word) { std::memcpy(data + at, &word, sizeof word); }
};

template <typename M>
class Writer {
 public:
  Writer(Ring& ring, std::uint64_t begin) : writer_(ring.data, capacity, &ring.read_position, begin) {}

  bool stage(RecordKind kind, std::uint64_t number, std::size_t size = 8, std::uint64_t total = 0) {
    std::byte* const place = writer_.reserve(size);
    if (place == nullptr) return false;
    if (kind == RecordKind::first) number = total;
    if (size >= sizeof number) std::memcpy(place, &number, sizeof number);
    writer_.stage(kind, static_cast<std::uint32_t>(size));
    return true;
  }
  void publish() { writer_.publish(); }

 private:
  shm::RingWriter<M> writer_;
};

/// What a reader that goes on from there gets: the numbers of whole messages; 1000 and more for those in parts.
std::vector<std::uint64_t> read_all(Ring& ring, const Unread& unread) {
  std::vector<std::uint64_t> numbers;
  std::uint64_t position = 0;
  shm::RingReader<> reader(ring.data, capacity, &position, unread.begin);
  bool in_parts = false;
  while (const shm::Record* record = reader.front()) {
    if (record->kind == RecordKind::skip) {
      reader.pop();
      continue;
    }
    std::uint64_t number = 0;
    if (record->size >= sizeof number) std::memcpy(&number, record->payload, sizeof number);
    if (record->kind == RecordKind::message) numbers.push_back(number);
    if (record->kind == RecordKind::last) numbers.push_back(1000);
    EXPECT_NE(record->kind, RecordKind::close);
    EXPECT_EQ(record->kind == RecordKind::message || record->kind == RecordKind::first, !in_parts);
    in_parts = record->kind == RecordKind::first || record->kind == RecordKind::middle;
    reader.pop();
  }
  EXPECT_FALSE(reader.broken());
  EXPECT_FALSE(in_parts);
  EXPECT_EQ(reader.position(), unread.end);
  return numbers;
}

/// The same conversation each time, told which messages are published for sure once it returns.
std::vector<std::uint64_t> speak(Ring& ring, std::uint64_t begin) {
  std::vector<std::uint64_t> sent;
  Writer<Mortal> writer(ring, begin);
  const auto publish = [&](std::vector<std::uint64_t> numbers) {
    writer.publish();
    if (Mortal::lives()) sent.insert(sent.end(), numbers.begin(), numbers.end());
  };
  writer.stage(RecordKind::message, 1);
  publish({1});
  for (const std::uint64_t number : {2U, 3U, 4U}) writer.stage(RecordKind::message, number, 100);
  publish({2, 3, 4});
  writer.stage(RecordKind::first, 0, 200, 500);
  publish({});
  writer.stage(RecordKind::middle, 0, 200);
  publish({});
  writer.stage(RecordKind::last, 0, 108);
  publish({1000});
  writer.stage(RecordKind::first, 0, 200, 500);
  publish({});
  writer.stage(RecordKind::withdrawn, 0, 0);
  publish({});
  writer.stage(RecordKind::skip, 0, 100);
  writer.stage(RecordKind::message, 5, 0);
  publish({0});
  writer.stage(RecordKind::close, 0, 0);
  publish({});
  return sent;
}

TEST(MmapRecovery, finds_what_was_committed_after_every_store_of_a_writer_that_is_killed_there) {
  for (const std::uint64_t begin : {std::uint64_t{0}, capacity - 256, 7 * capacity - 64}) {
    for (int stores = 1; stores < 60; ++stores) {
      Ring ring;
      ring.settled = ring.read_position = begin;
      std::memset(ring.data, 0x55, sizeof ring.data);  // what was there a lap ago
      ring.put_word(begin & (capacity - 1), 0);
      Mortal::stores_left = stores;
      const auto sent = speak(ring, begin);
      const auto left = ring.look();
      ASSERT_TRUE(left.has_value()) << stores << ": " << left.error().what;
      EXPECT_EQ(left->messages, !sent.empty() || left->unread.end > begin) << stores;
      ring.put_word(left->unread.end & (capacity - 1), 0);
      const auto found = read_all(ring, left->unread);
      // The store that kills it may be the commit itself.
      ASSERT_GE(found.size(), sent.size()) << stores;
      EXPECT_TRUE(std::equal(sent.begin(), sent.end(), found.begin())) << stores;
      EXPECT_LE(found.size(), 6u);
    }
  }
}

TEST(MmapRecovery, passes_over_the_rest_of_a_message_that_a_killed_reader_was_in) {
  for (const bool ended : {false, true}) {
    Ring ring;
    Writer<shm::Memory> writer(ring, 0);
    writer.stage(RecordKind::first, 0, 200, 500);
    writer.stage(RecordKind::middle, 0, 200);
    if (ended) {
      writer.stage(RecordKind::last, 0, 108);
      writer.stage(RecordKind::message, 7);
    }
    writer.publish();
    ring.read_position = shm::record_size(200);
    ring.put_word(0, 0x5555'5555'5555'5555);  // the writer has been there again
    const auto left = ring.look();
    ASSERT_TRUE(left.has_value());
    EXPECT_EQ(left->messages, ended);
    EXPECT_EQ(read_all(ring, left->unread),
              ended ? std::vector<std::uint64_t>{7} : std::vector<std::uint64_t>{});
    // Where the reader was not in the middle of one, the same is damage.
    ring.settled = ring.read_position;
    EXPECT_FALSE(ring.look().has_value());
  }
}

TEST(MmapRecovery, takes_nothing_else_for_a_ring) {
  const auto word = [](RecordKind kind, std::uint32_t size) { return shm::record_word(kind, size); };
  using Words = std::vector<std::uint64_t>;
  const std::vector<std::pair<const char*, Words>> rings{
      {"kind 0", {word(static_cast<RecordKind>(0), 9)}},
      {"kind 7", {word(static_cast<RecordKind>(7), 0)}},
      {"bits above the kind", {1ULL << 40 | word(RecordKind::message, 8)}},
      {"longer than a record may be", {word(RecordKind::message, 1 + capacity / 2 - 128)}},
      {"longer than any", {word(RecordKind::message, UINT32_MAX)}},
      {"a middle first", {word(RecordKind::middle, 8)}},
      {"a last first", {word(RecordKind::message, 8), word(RecordKind::last, 8)}},
      {"a withdrawal of nothing", {word(RecordKind::withdrawn, 0)}},
      {"a beginning without a size", {word(RecordKind::first, 7)}},
      {"a beginning that is all of it", {word(RecordKind::first, 8)}},
  };
  for (const auto& [name, words] : rings) {
    Ring ring;
    for (std::size_t i = 0; i < words.size(); ++i) ring.put_word(64 * i, words[i]);
    const auto left = ring.look();
    ASSERT_FALSE(left.has_value()) << name;
    EXPECT_EQ(left.error().offset, 64 * (words.size() - 1)) << name;
  }
  Ring full;  // nowhere a zero
  for (std::uint64_t at = 0; at < capacity; at += 64) full.put_word(at, word(RecordKind::message, 8));
  EXPECT_FALSE(full.look().has_value());
}

TEST(MmapRecovery, believes_no_position_that_cannot_be) {
  for (const auto& [settled, read] :
       {std::pair{1ULL, 0ULL}, std::pair{0ULL, 8ULL}, std::pair{4096ULL + 64, 0ULL},
        std::pair{1ULL << 63, 0ULL}, std::pair{0ULL, ~63ULL}}) {
    Ring ring;
    ring.settled = settled;
    ring.read_position = read;
    EXPECT_FALSE(ring.look().has_value()) << settled << " " << read;
  }
}

TEST(MmapRecovery, of_parts_that_do_not_add_up_says_so) {
  for (const auto& [kind, size] : {std::pair{RecordKind::last, 299U}, std::pair{RecordKind::last, 301U},
                                   std::pair{RecordKind::middle, 300U}, std::pair{RecordKind::middle, 0U},
                                   std::pair{RecordKind::message, 8U}, std::pair{RecordKind::close, 0U},
                                   std::pair{RecordKind::first, 100U}}) {
    Ring ring;
    Writer<shm::Memory> writer(ring, 0);
    writer.stage(RecordKind::first, 0, 208, 500);
    writer.stage(kind, 0, size);
    writer.publish();
    EXPECT_FALSE(ring.look().has_value()) << static_cast<int>(kind) << " " << size;
  }
}

}  // namespace
}  // namespace tenon::mapped
