// The sending half of a channel in shared memory: writes messages into our ring, waits for room, and takes back a
// message whose deadline passes in the middle.
//
// Does not own the bells. One thread at a time.
#pragma once

#include <algorithm>
#include <cstdint>
#include <cstring>
#include <span>

#include <tenon/channel.hpp>

#include "channel/arena.hpp"
#include "channel/ring_receiver.hpp"
#include "shm/copy.hpp"
#include "shm/ring.hpp"

namespace tenon {

class RingSender {
 public:
  explicit RingSender(RingSides& sides) noexcept;

  /// A withdrawal must be sent before anything else: the functions `_at_once` must not be called.
  bool withdrawal_due() const noexcept { return withdrawal_due_; }
  /// One message of at most max_record() bytes if there is room: the quick way. False: send() it.
  [[gnu::always_inline]] bool send_at_once(ByteView message) noexcept {
    std::byte* const place = writer_.reserve_exactly(message.size());
    if (place == nullptr) return false;
    shm::copy_payload(place, message.data(), message.size());
    commit_at_once(message.size());
    return true;
  }
  /// Where a message may be written and then committed, if there is room; null: reserve() it.
  std::byte* lend_at_once(std::uint64_t size) noexcept { return writer_.reserve(size); }
  [[gnu::always_inline]] void commit_at_once(std::uint64_t size) noexcept {
    writer_.commit(shm::RecordKind::message, static_cast<std::uint32_t>(size));
    count_message(size);
    static_cast<void>(tell());
  }
  /// The peer turned out to be gone, and may have had the last message all the same: send() fails from now on.
  bool gone() const noexcept { return gone_; }

  /// Sends in order; how many went. An error only when the first did not: timed_out, cancelled, closed (the peer is
  /// gone, for whatever reason), protocol_violation.
  Result<std::size_t> send(std::span<const ByteView> messages, Deadline deadline);

  /// The longest message that is lent in the ring itself.
  std::uint64_t max_record() const noexcept { return max_record_; }
  /// Where a message of at most max_record() bytes may be written, then committed. Errors: as send().
  Result<std::byte*> reserve(std::uint64_t size, Deadline deadline);
  /// Before anything else when withdrawal_due(). Errors: as send().
  Result<void> write_withdrawal(Deadline deadline);

  /// Memory in which a longer message may be written, then lend()ed or given up; null: there can be none, and the
  /// message goes in parts. Errors: as send(), and resource_limit.
  Result<Arena::Block*> reserve_block(std::uint64_t size, Deadline deadline);
  /// The message in the first `size` bytes of it. Whatever happens, the block is no longer the caller's. Errors: as
  /// send().
  Result<void> lend(Arena::Block& block, std::uint64_t size, Deadline deadline);
  void give_up(Arena::Block& block) noexcept { arena_.put_back(block); }

  /// Says that nothing more will be sent. Errors: as send().
  Result<void> send_close(Deadline deadline);

  Statistics::Direction statistics() const noexcept;

 private:
  /// What was published is seen; whoever sleeps for it is woken. False: the peer is gone.
  bool tell() noexcept {
    if (!data_wish_.heed(data_)) gone_ = true;
    sent_.store(writer_.position(), std::memory_order_relaxed);
    // A peer that was killed while it was awake asks for nothing: now and then we look.
    if (writer_.position() >= next_check_) [[unlikely]]
      look_around();
    return !gone_;
  }
  void note_that_it_is_full() noexcept;
  void mark_high_water(std::uint64_t read) noexcept {
    counts_.high_water = std::max(counts_.high_water, unread_behind(read));
  }
  std::uint64_t unread_behind(std::uint64_t read) const noexcept {
    const bool skip_ahead = skipped_ > 0 && read <= skipped_to_ - skipped_;
    return writer_.position() - read - (skip_ahead ? skipped_ : 0);
  }
  void check_peer() noexcept;
  void look_around() noexcept;
  Result<void> send_one(ByteView message, Deadline deadline);
  Result<void> send_beyond_ring(ByteView message, Deadline deadline);
  Result<void> send_in_parts(ByteView message, Deadline deadline);
  Result<void> tell_of_dropped(Deadline deadline);
  template <typename Found>
  Result<void> wait_until(Found found, Deadline deadline);
  template <typename Found>
  Result<void> sleep(Found found, Deadline deadline);
  std::unexpected<Error> disconnect(const char* reason) noexcept;
  bool peer_waits_holding() const noexcept {
    return shm::Memory::load_acquire(waits_holding_) == writer_.position();  // SYNC: waits holding
  }
  void count_message(std::uint64_t size) noexcept {
    ++counts_.messages;
    counts_.bytes += size;
    if (size > counts_.largest) counts_.largest = size;
  }

  shm::RingWriter<> writer_;
  Arena arena_;
  const std::uint64_t* waits_holding_;
  std::atomic<std::uint64_t>& sent_;
  const std::atomic<bool>& conversing_;
  WishOfPeer data_wish_;
  std::uint64_t max_record_;
  /// Not where a long message must lie in the ring as a whole: a skip may be as long as the ring.
  bool may_skip_;
  std::uint64_t skipped_ = 0;  ///< bytes of the last skip, which ended at
  std::uint64_t skipped_to_ = 0;
  std::uint64_t next_check_;
  std::uint64_t read_at_last_check_ = 0;
  std::uint64_t messages_at_last_check_ = 0;
  bool withdrawal_due_ = false;  ///< a message was begun and must be taken back before anything else
  bool gone_ = false;
  Statistics::Direction counts_;

  os::Doorbell& data_;
  os::Doorbell& room_;
  Wish wants_room_;
  os::Waiter waiter_;
  os::WaitMode wait_;
  std::uint64_t part_;  ///< bytes of a long message in one record
  std::uint64_t turns_ = 0;
  std::uint64_t checks_ = 0;
  const std::uint64_t* read_position_;
  std::uint64_t passed_ = 0;  ///< descriptors
};

}  // namespace tenon
