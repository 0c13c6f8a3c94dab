// A ring of records from one process to another: one writer, one reader, records of any length, no system call,
// no lock and no read-modify-write, so that nothing has to be undone when one of the two dies at any instruction.
//
// Memory: `data` is `capacity` bytes, seen twice in a row (2 × capacity bytes of addresses), so that a record
// is contiguous wherever it begins. Positions count bytes since the beginning and never wrap.
//
// A record is published by one word, its first (SYNC: record committed). Before it is stored, the word of the
// record to come is zeroed: so what the reader polls is zero until the next record is complete, and never a
// stale one. The reader polls the very cache line in which a small message arrives: one transfer delivers it.
// docs/ring.md has the derivation.
//
// Trust: the writer believes nothing of the reader's position but what is plausible, the reader nothing of a
// record but what fits; each word is read once.
#pragma once

#include <cstddef>
#include <cstdint>

#include "shm/layout.hpp"
#include "shm/memory.hpp"

namespace tenon::shm {

template <typename M = Memory>
class RingWriter {
 public:
  /// `data` is ours to write; `read_position` is the reader's. The first record will begin at `begin`, where the
  /// word is zero.
  RingWriter(std::byte* data, std::uint64_t capacity, const std::uint64_t* read_position,
             std::uint64_t begin = 0) noexcept
      : data_(data),
        mask_(capacity - 1),
        read_position_(read_position),
        head_(begin),
        free_end_(capacity),
        zeroed_ahead_(zeroed_ahead(capacity)) {}

  std::uint64_t capacity() const noexcept { return mask_ + 1; }
  /// Bytes of the ring that were used since the beginning.
  std::uint64_t position() const noexcept { return head_; }
  /// False once the reader's position was one that it cannot have: nothing more can be reserved.
  bool reader_plausible() const noexcept { return plausible_; }

  /// Where the payload of the next record goes, or null while there is no room. `size` is at most
  /// max_record(capacity()). Reserving again forgets the last one; what was written there does no harm.
  std::byte* reserve(std::uint64_t size) noexcept {
    std::byte* const place = reserve_exactly(size);
    const std::uint64_t end = head_ + record_size(size);
    if (place != nullptr && end > touched_) touched_ = end;
    return place;
  }
  /// The same for a record of which all `size` bytes will be staged: it spares a store.
  std::byte* reserve_exactly(std::uint64_t size) noexcept {
    // The word behind the record must be free as well: it is zeroed first.
    const std::uint64_t end = head_ + record_size(size) + cache_line;
    if (end > free_end_ && !(look_at_reader() && end <= free_end_)) [[unlikely]]
      return nullptr;
    return at(head_) + record_header;
  }

  /// Turns what was reserved into a record that the reader will see with the next publish(), `size` of it.
  void stage(RecordKind kind, std::uint32_t size) noexcept {
    const std::uint64_t next = end_with_zero(size);
    if (first_word_ == nullptr) {
      first_word_ = word(head_);
      first_value_ = record_word(kind, size);
    } else {
      M::store_relaxed(word(head_), record_word(kind, size));
    }
    head_ = next;
  }

  /// Bytes from the beginning of the data to the next record.
  std::uint64_t offset() const noexcept { return head_ & mask_; }
  /// Stages a record of nothing up to the end of the data: what comes next begins where the data does. False without
  /// room for it.
  bool stage_skip() noexcept {
    const std::uint64_t end = head_ + capacity() - offset();
    if (offset() == 0 || end - head_ <= cache_line) return false;
    if (end + cache_line > free_end_ && !(look_at_reader() && end + cache_line <= free_end_)) return false;
    stage(RecordKind::skip, static_cast<std::uint32_t>(end - head_ - record_header));
    return true;
  }

  /// Shows the staged records, all at once: the reader comes to the first of them first. False if there are none.
  bool publish() noexcept {
    if (first_word_ == nullptr) return false;
    M::store_release(first_word_, first_value_);  // SYNC: record committed
    first_word_ = nullptr;
    look_ahead();
    return true;
  }

  /// stage() and publish().
  [[gnu::always_inline]] void commit(RecordKind kind, std::uint32_t size) noexcept {
    if (first_word_ != nullptr) [[unlikely]] {
      stage(kind, size);
      publish();
      return;
    }
    const std::uint64_t next = end_with_zero(size);
    M::store_release(word(head_), record_word(kind, size));  // SYNC: record committed
    head_ = next;
    look_ahead();
  }

  /// How far the reader has given the ring back, as far as it has said.
  std::uint64_t given_back() noexcept {
    look_at_reader();
    return free_end_ - capacity();
  }

 private:
  /// Where a record of `size` bytes ends. The word there is zero.
  std::uint64_t end_with_zero(std::uint32_t size) noexcept {
    const std::uint64_t next = head_ + record_size(size);
    if (next < touched_) [[unlikely]]
      M::store_relaxed(word(next), 0);
    if (next >= zeroed_) [[unlikely]]
      zero_ahead(next);
    return next;
  }
  /// After a record was shown. Words are zeroed further than needed then: to get back a line that the reader had takes
  /// as long as a message, and so is over before the next one is written.
  void look_ahead() noexcept {
    if (head_ + zeroed_ahead_ / 2 >= zeroed_) [[unlikely]]
      zero_ahead(zeroed_ > head_ ? zeroed_ : head_ + cache_line);
  }
  void zero_ahead(std::uint64_t from) noexcept {
    const std::uint64_t wanted = from + zeroed_ahead_;
    const std::uint64_t end = wanted < free_end_ ? wanted : free_end_;
    for (; from < end; from += cache_line) M::store_relaxed(word(from), 0);
    zeroed_ = from;
  }
  std::byte* at(std::uint64_t position) const noexcept { return data_ + (position & mask_); }
  std::uint64_t* word(std::uint64_t position) const noexcept {
    return reinterpret_cast<std::uint64_t*>(at(position));
  }
  bool look_at_reader() noexcept {
    const std::uint64_t read = M::load_acquire(read_position_);  // SYNC: record given back
    const std::uint64_t before = free_end_ - capacity();
    if (read - before > head_ - before || read % cache_line != 0) plausible_ = false;
    if (plausible_) free_end_ = read + capacity();
    return plausible_;
  }

  std::byte* data_;
  std::uint64_t mask_;
  const std::uint64_t* read_position_;
  std::uint64_t head_;
  std::uint64_t free_end_;  ///< a lap behind what we last saw of the reader's position
  std::uint64_t zeroed_ahead_;
  std::uint64_t zeroed_ = 0;   ///< every line from the next record up to here begins with a zero,
  std::uint64_t touched_ = 0;  ///< but for those before this, which the user may have written
  std::uint64_t* first_word_ = nullptr;
  std::uint64_t first_value_ = 0;
  bool plausible_ = true;
};

struct Record {
  RecordKind kind;
  std::uint32_t size;
  const std::byte* payload;  ///< the writer's memory: it may change it while we look
};

template <typename M = Memory>
class RingReader {
 public:
  /// `data` is the writer's; `read_position` is ours to write. The first record begins at `begin`.
  RingReader(const std::byte* data, std::uint64_t capacity, std::uint64_t* read_position,
             std::uint64_t begin = 0) noexcept
      : data_(data),
        mask_(capacity - 1),
        longest_(max_record(capacity)),
        read_position_(read_position),
        tail_(begin),
        given_back_(begin) {}

  std::uint64_t capacity() const noexcept { return mask_ + 1; }
  /// Where the next record begins.
  std::uint64_t position() const noexcept { return tail_; }
  /// Whether a record that cannot be one was found: then there is never another.
  bool broken() const noexcept { return broken_; }
  /// There is never another, whatever is in the ring.
  void stop() noexcept {
    broken_ = true;
    front_.payload = nullptr;
  }

  /// The next record, or null while there is none. Stays the next until pop().
  const Record* front() noexcept {
    if (front_.payload != nullptr) return &front_;
    const std::uint64_t word = M::load_acquire(at(tail_));  // SYNC: record committed
    if (word == 0) return nullptr;
    return take(word) ? &front_ : nullptr;
  }

  /// Whether front() would return one, or find the ring broken.
  bool ready() const noexcept {
    return front_.payload != nullptr || M::load_acquire(at(tail_)) != 0;  // SYNC: record committed
  }
  /// Asks for the line behind the one that ready() looks at.
  void prefetch_next_line() const noexcept {
    prefetch_to_read(reinterpret_cast<const std::byte*>(at(tail_)) + cache_line);
  }
  /// front(), when that is a whole message, and nothing else. pop() it with its size.
  bool front_message(Record& record) const noexcept {
    const std::uint64_t found = M::load_acquire(at(tail_));  // SYNC: record committed
    const auto size = static_cast<std::uint32_t>(found);
    if (found >> 32 != static_cast<std::uint64_t>(RecordKind::message)) return false;
    if (size > longest_ || broken_) return false;
    record = {RecordKind::message, size, payload()};
    return true;
  }

  /// Goes on behind the record that front() returned. Its memory is the writer's again after give_back().
  void pop() noexcept { pop(front_.size); }
  void pop(std::uint32_t size) noexcept {
    tail_ += record_size(size);
    front_.payload = nullptr;
  }

  /// Everything before `position` may be written over. Costs the writer a cache miss: not for every record.
  void give_back(std::uint64_t position) noexcept {
    if (position == given_back_) return;
    given_back_ = position;
    M::store_release(read_position_, position);  // SYNC: record given back
  }
  std::uint64_t given_back() const noexcept { return given_back_; }

  /// The same memory, seen at another place.
  void move_to(const std::byte* data) noexcept {
    if (front_.payload != nullptr) front_.payload += data - data_;
    data_ = data;
  }

 private:
  const std::uint64_t* at(std::uint64_t position) const noexcept {
    return reinterpret_cast<const std::uint64_t*>(data_ + (position & mask_));
  }
  const std::byte* payload() const noexcept {
    return reinterpret_cast<const std::byte*>(at(tail_)) + record_header;
  }
  bool take(std::uint64_t word) noexcept {
    const auto kind = static_cast<RecordKind>(word >> 32 & 0xFF);
    const auto size = static_cast<std::uint32_t>(word);
    if (word >> 40 != 0 || !is_kind(kind) || size > max_size(kind, capacity())) broken_ = true;
    if (broken_) return false;
    front_ = {kind, size, payload()};
    return true;
  }

  const std::byte* data_;
  std::uint64_t mask_;
  std::uint64_t longest_;
  std::uint64_t* read_position_;
  std::uint64_t tail_;
  std::uint64_t given_back_;
  Record front_{};
  bool broken_ = false;
};

}  // namespace tenon::shm
