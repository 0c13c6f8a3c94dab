#include "channel/mmap/recovery.hpp"

#include <algorithm>
#include <cstring>

#include "shm/memory.hpp"

namespace tenon::mapped {
namespace {

using shm::RecordKind;
using Verdict = const char*;  ///< what is wrong; null for nothing

/// Follows the records of a ring.
class Walk {
 public:
  Walk(const std::byte* data, std::uint64_t capacity, std::uint64_t from, bool in_the_middle) noexcept
      : data_(data), capacity_(capacity), orphans_(in_the_middle), at_(from), left_{{from, from}} {}

  std::uint64_t position() const noexcept { return at_; }
  const Leftover& left() const noexcept { return left_; }

  std::uint64_t word() const noexcept {
    return shm::Memory::load_acquire(reinterpret_cast<const std::uint64_t*>(place()));
  }

  /// Passes the record of that word; true when there may be more behind it.
  bool step(std::uint64_t word, std::uint64_t limit, Verdict& wrong) noexcept {
    const auto kind = static_cast<RecordKind>(word >> 32 & 0xFF);
    const std::uint64_t size = word & 0xFFFF'FFFF;
    const bool elsewhere = kind == RecordKind::lent || kind == RecordKind::dropped;
    if (word >> 40 != 0 || !shm::is_kind(kind) || elsewhere || size > shm::max_size(kind, capacity_)) {
      wrong = "no record";
      return false;
    }
    const std::uint64_t next = at_ + shm::record_size(size);
    if (next > limit) {
      wrong = "a record that would go over what is unread";
      return false;
    }
    const bool ends_here = kind == RecordKind::close;
    if (kind != RecordKind::skip) wrong = in_message_ ? go_on(kind, size, next) : begin(kind, size, next);
    if (wrong != nullptr || ends_here) return false;
    at_ = next;
    return true;
  }

 private:
  const std::byte* place() const noexcept { return data_ + (at_ & (capacity_ - 1)); }

  Verdict begin(RecordKind kind, std::uint64_t size, std::uint64_t next) noexcept {
    switch (kind) {
      case RecordKind::message:
        orphans_ = false;
        left_.messages = true;
        left_.unread.end = next;
        return nullptr;
      case RecordKind::first: {
        orphans_ = false;
        if (size < sizeof total_) return "the beginning of a message without its size";
        std::memcpy(&total_, place() + shm::record_header, sizeof total_);
        filled_ = size - sizeof total_;
        in_message_ = true;
        return filled_ < total_ ? nullptr : "the beginning of a message that is all of it";
      }
      case RecordKind::close:
        return nullptr;
      default:  // the rest of a message whose beginning was read and written over
        if (!orphans_) return "a part of a message that has not begun";
        orphans_ = kind == RecordKind::middle;
        left_.unread = {next, next};
        return nullptr;
    }
  }

  Verdict go_on(RecordKind kind, std::uint64_t size, std::uint64_t next) noexcept {
    const std::uint64_t missing = total_ - filled_;
    if (kind == RecordKind::withdrawn) {
      in_message_ = false;
      left_.unread.end = next;
      return nullptr;
    }
    const bool fits =
        kind == RecordKind::middle ? size > 0 && size < missing : kind == RecordKind::last && size == missing;
    if (!fits) return "parts that do not make a message";
    filled_ += size;
    if (kind == RecordKind::last) {
      in_message_ = false;
      left_.messages = true;
      left_.unread.end = next;
    }
    return nullptr;
  }

  const std::byte* data_;
  std::uint64_t capacity_;
  bool orphans_;
  bool in_message_ = false;
  std::uint64_t total_ = 0;
  std::uint64_t filled_ = 0;
  std::uint64_t at_;
  Leftover left_;
};

/// Positions are far from the end of what they can count.
constexpr std::uint64_t last_position = 1ULL << 62;

bool plausible(std::uint64_t position) noexcept {
  return position % shm::cache_line == 0 && position <= last_position;
}

}  // namespace

std::expected<Leftover, Damage> examine(const std::byte* data, std::uint64_t capacity, std::uint64_t settled,
                                        std::uint64_t read_position) noexcept {
  if (!plausible(settled) || !plausible(read_position) ||
      (settled > read_position && settled - read_position > capacity)) {
    return std::unexpected(Damage{0, "the reader's position cannot be one"});
  }
  Walk walk(data, capacity, std::max(settled, read_position), read_position > settled);
  const std::uint64_t limit = read_position + capacity - shm::cache_line;
  Verdict wrong = nullptr;
  for (std::uint64_t word = walk.word(); word != 0 && walk.step(word, limit, wrong);) word = walk.word();
  if (wrong != nullptr) return std::unexpected(Damage{walk.position() & (capacity - 1), wrong});
  Leftover left = walk.left();
  left.word = shm::Memory::load_relaxed(
      reinterpret_cast<const std::uint64_t*>(data + (left.unread.end & (capacity - 1))));
  return left;
}

}  // namespace tenon::mapped
