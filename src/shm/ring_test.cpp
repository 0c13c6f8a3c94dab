#include "shm/ring.hpp"

#include <cstring>
#include <deque>
#include <random>
#include <thread>

#include <tenon/os/memfd.hpp>

#include "os/mirrored_mapping.hpp"
#include "support/expect.hpp"
#include "support/meeting.hpp"

namespace tenon::shm {
namespace {

using namespace test;

/// A ring and both its ends, over two mappings as two processes would have them.
struct Pair {
  explicit Pair(std::uint64_t capacity = least_capacity)
      : memory(value_of(os::Memfd::create("ring-test", header_size + capacity))),
        ours(value_of(
            os::MirroredMapping::map(memory.fd().get(), header_size, capacity, os::Access::read_write))),
        theirs(
            value_of(os::MirroredMapping::map(memory.fd().get(), header_size, capacity, os::Access::read))),
        writer(ours.data(), capacity, &position),
        reader(theirs.data(), capacity, &position) {}

  bool write(ByteView payload, RecordKind kind = RecordKind::message) {
    std::byte* const place = writer.reserve(payload.size());
    if (place == nullptr) return false;
    std::ranges::copy(payload, place);
    writer.commit(kind, static_cast<std::uint32_t>(payload.size()));
    return true;
  }
  /// The next payload, given back at once. Passes over a skip.
  std::optional<std::vector<std::byte>> read() {
    if (const Record* const front = reader.front(); front != nullptr && front->kind == RecordKind::skip) {
      reader.pop();
      reader.give_back(reader.position());
    }
    Record quick{};
    const bool is_message = reader.front_message(quick);
    const Record* const record = reader.front();
    EXPECT_EQ(is_message, record != nullptr && record->kind == RecordKind::message);
    EXPECT_TRUE(!is_message || (quick.payload == record->payload && quick.size == record->size));
    if (record == nullptr) return std::nullopt;
    std::vector<std::byte> payload(record->payload, record->payload + record->size);
    reader.pop();
    reader.give_back(reader.position());
    return payload;
  }

  os::Memfd memory;
  os::MirroredMapping ours;
  os::MirroredMapping theirs;
  alignas(cache_line) std::uint64_t position = 0;
  RingWriter<> writer;
  RingReader<> reader;
};

TEST(Ring, is_empty_at_first) {
  Pair ring;
  EXPECT_FALSE(ring.reader.front());
  EXPECT_FALSE(ring.reader.broken());
  EXPECT_EQ(ring.writer.given_back(), 0u);
}

TEST(Ring, brings_what_was_written_at_every_size) {
  Pair ring;
  for (std::uint64_t size = 0; size <= max_record(least_capacity); ++size) {
    ASSERT_TRUE(ring.write(pattern(size, size)));
    const Record* const record = ring.reader.front();
    ASSERT_NE(record, nullptr);
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>(record->payload) % 8, 0u);
    const auto payload = ring.read();
    ASSERT_EQ(payload->size(), size);
    EXPECT_TRUE(is_pattern(*payload, size));
    EXPECT_FALSE(ring.reader.front());
  }
}

TEST(Ring, shows_nothing_of_a_reservation_that_was_larger_than_the_record) {
  Pair ring;
  for (int lap = 0; lap < 500; ++lap) {
    for (const std::uint64_t size : {0U, 100U, 200U}) {
      std::byte* const place = ring.writer.reserve(max_record(least_capacity) / 2);
      ASSERT_NE(place, nullptr);
      std::memset(place, 1, max_record(least_capacity) / 2);
      if (lap % 3 == 0) continue;  // forgotten
      ring.writer.commit(RecordKind::message, static_cast<std::uint32_t>(size));
      ASSERT_TRUE(ring.read());
      ASSERT_FALSE(ring.reader.front());
      ASSERT_FALSE(ring.reader.broken());
    }
    ASSERT_TRUE(ring.write(pattern(10, 1)));
    ASSERT_TRUE(ring.read());
    ASSERT_FALSE(ring.reader.front());
    ASSERT_FALSE(ring.reader.broken());
  }
}

TEST(Ring, a_small_message_takes_one_cache_line) {
  EXPECT_EQ(record_size(0), cache_line);
  EXPECT_EQ(record_size(56), cache_line);
  EXPECT_EQ(record_size(57), 2 * cache_line);
}

TEST(Ring, agrees_with_a_queue_in_any_order_of_calls) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    Pair ring(least_capacity << seed % 3);
    std::deque<std::pair<std::uint64_t, std::uint64_t>> model;  // size, seed
    std::uint64_t used = 0;
    std::uint64_t next = 0;
    for (int step = 0; step < 5000; ++step) {
      if (random() % 2 == 0) {
        const std::uint64_t size = random() % (random() % 4 == 0 ? max_record(ring.writer.capacity()) : 200);
        const bool fits = used + record_size(size) + cache_line <= ring.writer.capacity();
        ASSERT_EQ(ring.write(pattern(size, next)), fits) << "seed " << seed << " step " << step;
        if (fits) {
          model.emplace_back(size, next);
          used += record_size(size);
        }
        ++next;
      } else {
        const auto payload = ring.read();
        ASSERT_EQ(payload.has_value(), !model.empty());
        if (!payload) continue;
        ASSERT_EQ(payload->size(), model.front().first);
        ASSERT_TRUE(is_pattern(*payload, model.front().second));
        used -= record_size(payload->size());
        model.pop_front();
      }
    }
  }
}

TEST(Ring, begins_again_where_its_data_does_after_a_skip) {
  for (unsigned seed = 0; seed < 50; ++seed) {
    std::mt19937 random(seed);
    Pair ring(least_capacity << seed % 3);
    const std::uint64_t capacity = ring.writer.capacity();
    struct Sent {
      std::uint64_t size;
      std::uint64_t room;
    };
    std::deque<Sent> unread;
    std::uint64_t used = 0;
    std::uint64_t skipped = 0;
    for (std::uint64_t number = 0, seen = 0; number < 3000;) {
      const std::uint64_t left = capacity - ring.writer.offset();
      if (skipped == 0 && random() % 4 == 0) {
        const bool fits = left > cache_line && left < capacity && used + left + cache_line <= capacity;
        ASSERT_EQ(ring.writer.stage_skip(), fits) << seed << " " << number;
        if (fits) skipped = left;
        used += skipped;
      }
      const std::uint64_t size = random() % 1000;
      if (ring.write(pattern(size, number))) {
        EXPECT_TRUE(skipped == 0 || ring.writer.offset() == record_size(size));
        unread.push_back({size, record_size(size) + std::exchange(skipped, 0)});
        used += record_size(size);
        ++number;
      } else if (unread.empty()) {  // the skip has to be passed first
        ring.writer.publish();
        ASSERT_FALSE(ring.read());
        used -= std::exchange(skipped, 0);
      }
      while (random() % 3 != 0 && !unread.empty()) {
        const auto payload = ring.read();
        ASSERT_TRUE(payload);
        ASSERT_EQ(payload->size(), unread.front().size);
        ASSERT_TRUE(is_pattern(*payload, seen++));
        used -= unread.front().room;
        unread.pop_front();
      }
    }
  }
}

TEST(Ring, staged_records_appear_together_and_in_order) {
  Pair ring;
  for (std::uint64_t i = 0; i < 5; ++i) {
    std::byte* const place = ring.writer.reserve(8);
    ASSERT_NE(place, nullptr);
    std::ranges::copy(pattern(8, i), place);
    ring.writer.stage(RecordKind::message, 8);
    EXPECT_FALSE(ring.reader.front());
  }
  ring.writer.publish();
  for (std::uint64_t i = 0; i < 5; ++i) EXPECT_TRUE(is_pattern(ring.read().value(), i));
  EXPECT_FALSE(ring.reader.front());
}

TEST(Ring, what_is_not_given_back_is_not_written_over) {
  Pair ring;
  std::vector<Record> held;
  std::uint64_t written = 0;
  while (ring.write(pattern(100, written))) ++written;
  for (std::uint64_t i = 0; i < written; ++i) {
    held.push_back(*ring.reader.front());
    ring.reader.pop();
    EXPECT_FALSE(ring.write(pattern(100, 999)));
  }
  for (std::uint64_t i = 0; i < written; ++i) EXPECT_TRUE(is_pattern({held[i].payload, held[i].size}, i));
  ring.reader.give_back(ring.reader.position());
  EXPECT_TRUE(ring.write(pattern(100, 1000)));
}

TEST(Ring, a_position_that_the_reader_cannot_have_stops_the_writer) {
  for (const std::uint64_t nonsense : {std::uint64_t{1} << 40, UINT64_MAX - 63, std::uint64_t{13}}) {
    Pair ring;
    ring.position = nonsense;
    std::uint64_t written = 0;
    while (ring.write(pattern(100, written)) && written < 1000) ++written;
    EXPECT_LE(written * record_size(100), least_capacity);
    EXPECT_FALSE(ring.writer.reader_plausible()) << nonsense;
  }
}

TEST(Ring, a_record_that_cannot_be_one_stops_the_reader) {
  for (const std::uint64_t word :
       {std::uint64_t{1}, record_word(RecordKind::message, UINT32_MAX),
        record_word(static_cast<RecordKind>(10), 8), record_word(static_cast<RecordKind>(255), 8),
        record_word(RecordKind::message, 8) | std::uint64_t{1} << 63,
        record_word(RecordKind::message, static_cast<std::uint32_t>(max_record(least_capacity)) + 1)}) {
    Pair ring;
    Memory::store_release(reinterpret_cast<std::uint64_t*>(ring.ours.data()), word);
    EXPECT_FALSE(ring.reader.front());
    EXPECT_TRUE(ring.reader.broken());
    ring.write(pattern(8, 1));
    EXPECT_FALSE(ring.reader.front());
  }
}

TEST(Ring, a_writer_that_changes_a_record_later_cannot_move_the_reader) {
  Pair ring;
  ring.write(pattern(100, 1));
  ring.write(pattern(100, 2));
  ASSERT_TRUE(ring.reader.front());
  Memory::store_release(reinterpret_cast<std::uint64_t*>(ring.ours.data()),
                        record_word(RecordKind::message, 2000));
  EXPECT_EQ(ring.reader.front()->size, 100u);
  ring.reader.pop();
  EXPECT_TRUE(is_pattern(ring.read().value(), 2));
}

/// Each way of publishing a record and each way of finding one has to order memory by itself: so a record is found in
/// one way only, and some are published alone, some two together.
void pass_between_two_threads(Pair& ring) {
  constexpr std::uint64_t count = 200'000;
  const std::uint64_t longest = max_record(ring.writer.capacity());
  const auto size_of = [=](std::uint64_t i) { return i % 1000 == 0 ? longest : i % 300; };
  std::jthread writing([&] {
    for (std::uint64_t i = 0; i < count; ++i) {
      const auto message = pattern(size_of(i), i);
      std::byte* place = nullptr;
      for (; (place = ring.writer.reserve(message.size())) == nullptr; std::this_thread::yield())
        ring.writer.publish();
      std::ranges::copy(message, place);
      const auto size = static_cast<std::uint32_t>(message.size());
      if (i % 4 < 2) {
        ring.writer.commit(RecordKind::message, size);
      } else {
        ring.writer.stage(RecordKind::message, size);
        if (i % 4 == 3) ring.writer.publish();
      }
    }
  });
  for (std::uint64_t i = 0; i < count; ++i) {
    Record found{};
    if (i % 2 == 0) {
      while (!ring.reader.front()) std::this_thread::yield();
      found = *ring.reader.front();
    } else {
      while (!ring.reader.front_message(found)) std::this_thread::yield();
    }
    ASSERT_EQ(found.size, size_of(i));
    ASSERT_TRUE(is_pattern({found.payload, found.size}, i)) << i;
    ring.reader.pop(found.size);
    ring.reader.give_back(ring.reader.position());
  }
}

TEST(Ring, between_two_threads) {
  Pair ring(64 << 10);
  pass_between_two_threads(ring);
}

/// The thread sanitizer knows memory by its address: only over one mapping does it see what an order is for. And it
/// tells only of what both did not long ago: the ring is small.
TEST(Ring, between_two_threads_over_one_mapping) {
  Pair ring;
  ring.reader.move_to(ring.ours.data());
  pass_between_two_threads(ring);
}

}  // namespace
}  // namespace tenon::shm
