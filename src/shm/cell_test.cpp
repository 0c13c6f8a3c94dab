#include "shm/cell.hpp"

#include <sys/mman.h>
#include <array>
#include <atomic>
#include <csignal>
#include <random>
#include <thread>
#include <vector>

#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/meeting.hpp"

namespace tenon::shm {
namespace {

using namespace test;

constexpr CellLayout layout{200};

/// The memory of a cell, shared with children.
class CellMemory {
 public:
  CellMemory()
      : words_(static_cast<std::uint64_t*>(
            ::mmap(nullptr, layout.size(), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0))) {}
  CellMemory(const CellMemory&) = delete;
  CellMemory& operator=(const CellMemory&) = delete;
  ~CellMemory() { ::munmap(words_, layout.size()); }
  std::uint64_t* words() const noexcept { return words_; }

 private:
  std::uint64_t* words_;
};

std::uint64_t size_of(std::uint64_t number) {
  return number * 7 % (layout.most() + 1);
}

/// Writes values for ever, or `count` of them.
void write_on(CellWriter<>& writer, std::uint64_t count = UINT64_MAX) {
  for (; count > 0; --count) writer.write(pattern(size_of(writer.number() + 1), writer.number() + 1));
}

/// A value as write_on() writes it, of its number.
bool is_whole(const CellValue& value, std::span<const std::byte> bytes) {
  return value.size == size_of(value.number) && is_pattern(bytes.first(value.size), value.number);
}

class Cell : public testing::Test {
 protected:
  CellMemory memory_;
  CellReader<> reader_{memory_.words(), layout};
  std::array<std::byte, layout.most()> bytes_{};
};

TEST_F(Cell, has_no_value_at_first) {
  EXPECT_EQ(reader_.number(), 0u);
  EXPECT_FALSE(reader_.read(bytes_));
}

TEST_F(Cell, shows_the_latest_value_of_every_size) {
  CellWriter<> writer(memory_.words(), layout);
  for (std::uint64_t number = 1; number <= 3 * layout.most(); ++number) {
    write_on(writer, 1);
    for (int again = 0; again < 2; ++again) {
      const auto value = reader_.read(bytes_);
      ASSERT_TRUE(value && value->number == number && is_whole(*value, bytes_)) << number;
    }
  }
}

TEST_F(Cell, slots_share_no_cache_line) {
  EXPECT_EQ(layout.size() % cache_line, 0u);
  for (std::uint64_t number = 1; number < 5; ++number)
    EXPECT_EQ(layout.slot_of(number) * sizeof(std::uint64_t) % cache_line, 0u);
}

TEST_F(Cell, between_threads_is_never_torn_and_never_goes_back) {
  std::atomic<bool> over = false;
  std::jthread writing([&] {
    CellWriter<> writer(memory_.words(), layout);
    while (!over) write_on(writer, 1);
  });
  const auto follow = [&] {
    const CellReader<> reader(memory_.words(), layout);
    std::array<std::byte, layout.most()> bytes{};
    std::uint64_t last = 0;
    for (int read = 0; read < 20'000;) {
      const auto value = reader.read(bytes);
      if (!value) continue;
      ++read;
      ASSERT_TRUE(is_whole(*value, bytes)) << value->number;
      ASSERT_GE(value->number, last);
      last = value->number;
    }
  };
  {
    const std::jthread other(follow);
    follow();
  }
  over = true;
}

TEST_F(Cell, of_a_writer_that_was_killed_keeps_its_last_value_and_takes_the_next) {
  std::uint64_t last = 0;
  for (int i = 0; i < 100; ++i) {
    ChildProcess writing([&] {
      CellWriter<> writer(memory_.words(), layout);
      write_on(writer);
      return 0;
    });
    while (reader_.number() < last + 10) std::this_thread::yield();
    writing.kill(SIGKILL);
    writing.wait();
    const auto value = reader_.read(bytes_);
    ASSERT_TRUE(value && is_whole(*value, bytes_));
    ASSERT_GT(value->number, last);
    last = value->number;
  }
}

TEST_F(Cell, a_slot_that_is_being_written_is_not_read) {
  CellWriter<> writer(memory_.words(), layout);
  write_on(writer, 1);
  Memory::store_release(memory_.words() + layout.slot_of(1), 2 * 5 - 1);  // value 5 has begun to come
  EXPECT_FALSE(reader_.read(bytes_));
  write_on(writer, 1);
  EXPECT_EQ(reader_.read(bytes_)->number, 2u);
}

/// Between two looks of a reader, once, the writer goes round all slots.
struct Overtaken {
  static inline std::optional<CellWriter<>> writer;
  static inline int looks_left = 0;

  static std::uint64_t load_acquire(const std::uint64_t* word) {
    if (looks_left-- == 0) write_on(*writer, CellLayout::slots);
    return Memory::load_acquire(word);
  }
  static std::uint64_t load_relaxed(const std::uint64_t* word) { return load_acquire(word); }
};

TEST_F(Cell, overtaken_at_any_look_is_read_again) {
  CellWriter<>& writer = Overtaken::writer.emplace(memory_.words(), layout);
  const CellReader<Overtaken> reader(memory_.words(), layout);
  for (int looks = 0; looks < 40; ++looks) {
    write_on(writer, 1);
    Overtaken::looks_left = looks;
    const auto value = reader.read(bytes_);
    ASSERT_TRUE(value && is_whole(*value, bytes_)) << looks;
    EXPECT_FALSE(reader.read(bytes_, 0)) << "no try, no value";
  }
}

/// Each look at a word finds something else.
struct Changing {
  static inline std::mt19937_64 random{3};
  static inline const std::uint64_t* begin = nullptr;
  static inline const std::uint64_t* end = nullptr;

  static std::uint64_t load_relaxed(const std::uint64_t* word) { return load_acquire(word); }
  static std::uint64_t load_acquire(const std::uint64_t* word) {
    EXPECT_TRUE(word >= begin && word < end) << "a look beyond the cell";
    const std::uint64_t any = random();
    return any % 4 == 0 ? any : any % 4 == 1 ? any % 300 : any % 16;
  }
};

TEST_F(Cell, with_a_writer_that_lies_is_read_in_bounds_or_not_at_all) {
  Changing::begin = memory_.words();
  Changing::end = memory_.words() + layout.size() / sizeof(std::uint64_t);
  const CellReader<Changing> reader(memory_.words(), layout);
  int found = 0;
  for (int i = 0; i < 20'000; ++i) {
    const auto value = reader.read(bytes_);
    if (!value) continue;
    ++found;
    ASSERT_LE(value->size, layout.most());
  }
  EXPECT_GT(found, 0);
}

}  // namespace
}  // namespace tenon::shm
