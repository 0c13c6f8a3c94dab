// The ring over memory that changes between any two looks at it: what the other side wrote is looked at once, so
// there is no second look that could differ from the one that was checked.
#include <array>
#include <map>
#include <random>

#include "shm/ring.hpp"
#include "support/expect.hpp"

namespace tenon::shm {
namespace {

/// Each look at a word finds what `answer` says, and is counted.
struct Changing {
  static inline std::map<const std::uint64_t*, int> looks;
  static inline std::uint64_t (*answer)() = nullptr;

  static std::uint64_t look(const std::uint64_t* word) {
    ++looks[word];
    return answer();
  }
  static std::uint64_t load_relaxed(const std::uint64_t* word) { return look(word); }
  static std::uint64_t load_acquire(const std::uint64_t* word) { return look(word); }
  static void store_relaxed(std::uint64_t* word, std::uint64_t value) { Memory::store_relaxed(word, value); }
  static void store_release(std::uint64_t* word, std::uint64_t value) { Memory::store_release(word, value); }
};

constexpr std::uint64_t capacity = least_capacity;

std::mt19937_64& source() {
  static std::mt19937_64 random(7);
  return random;
}

std::uint64_t anything() {
  return source()();
}

std::uint64_t likely_record() {
  const std::uint64_t any = source()();
  const auto size = static_cast<std::uint32_t>(any >> 32) % (max_record(capacity) + 4);
  return any % 3 == 0
             ? 0
             : record_word(static_cast<RecordKind>(1 + any / 3 % 6), static_cast<std::uint32_t>(size));
}

std::uint64_t likely_position() {
  return source()() % 200 * cache_line;
}

class HostileMemory : public testing::TestWithParam<std::uint64_t (*)()> {
 protected:
  HostileMemory() {
    Changing::answer = GetParam();
    Changing::looks.clear();
  }

  alignas(
      cache_line) std::array<std::byte, 2 * capacity> data_{};  ///< as the mapping shows it: twice in a row
  std::uint64_t position_ = 0;
};

TEST_P(HostileMemory, a_record_is_decided_by_one_look_and_lies_in_the_ring) {
  for (int round = 0; round < 200; ++round) {
    RingReader<Changing> reader(data_.data(), capacity, &position_);
    for (int record = 0; record < 1000 && !reader.broken(); ++record) {
      Changing::looks.clear();
      const Record* const found = reader.front();
      if (found != nullptr) {
        EXPECT_EQ(reader.front(), found);
        EXPECT_LE(found->size, max_record(capacity));
        EXPECT_GE(found->payload, data_.data() + record_header);
        EXPECT_LE(found->payload + found->size, data_.data() + data_.size());
        EXPECT_TRUE(found->kind >= RecordKind::message && found->kind <= RecordKind::close);
        reader.pop();
      }
      ASSERT_EQ(Changing::looks.size(), 1u);
      ASSERT_EQ(Changing::looks.begin()->second, 1) << "a word was looked at twice";
    }
    EXPECT_TRUE(!reader.broken() || reader.front() == nullptr);
  }
}

TEST_P(HostileMemory, a_whole_message_is_decided_by_one_look_and_lies_in_the_ring) {
  RingReader<Changing> reader(data_.data(), capacity, &position_);
  for (int look = 0; look < 200'000; ++look) {
    Changing::looks.clear();
    Record found{};
    const bool is_message = reader.front_message(found);
    ASSERT_EQ(Changing::looks.begin()->second, 1) << "a word was looked at twice";
    if (!is_message) continue;
    EXPECT_LE(found.size, max_record(capacity));
    EXPECT_GE(found.payload, data_.data() + record_header);
    EXPECT_LE(found.payload + found.size, data_.data() + data_.size());
    reader.pop(found.size);
  }
  reader.stop();
  Record found{};
  for (int look = 0; look < 1000; ++look) ASSERT_FALSE(reader.front_message(found));
}

TEST_P(HostileMemory, room_is_decided_by_one_look_and_lies_in_the_ring) {
  for (int round = 0; round < 200; ++round) {
    RingWriter<Changing> writer(data_.data(), capacity, &position_);
    std::uint64_t believed = 0;
    for (int record = 0; record < 1000; ++record) {
      const std::uint64_t size = source()() % (max_record(capacity) + 1);
      Changing::looks.clear();
      std::byte* const room = writer.reserve(size);
      ASSERT_LE(Changing::looks.size(), 1u);
      ASSERT_TRUE(Changing::looks.empty() || Changing::looks.begin()->second == 1) << "looked at twice";
      if (room == nullptr) continue;
      ASSERT_GE(room, data_.data() + record_header);
      ASSERT_LE(room + size, data_.data() + data_.size());
      writer.commit(RecordKind::message, static_cast<std::uint32_t>(size));
      believed += record_size(size);
      ASSERT_EQ(writer.position(), believed);
    }
  }
}

INSTANTIATE_TEST_SUITE_P(, HostileMemory, testing::Values(anything, likely_record, likely_position));

}  // namespace
}  // namespace tenon::shm
