// The receiving half of a channel in shared memory: finds messages in the peer's ring, lends them in place, and
// gives the ring back lazily.
//
// Does not own the bells. One thread at a time, but for find_end().
#pragma once

#include <atomic>
#include <cstdint>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>

#include <tenon/channel.hpp>

#include "channel/lent_blocks.hpp"
#include "channel/region.hpp"
#include "channel/ring_wish.hpp"
#include "channel/segment.hpp"
#include "os/waiter.hpp"
#include "shm/copy.hpp"
#include "shm/ring.hpp"

namespace tenon {

/// What both halves of a channel in shared memory stand on.
struct RingSides {
  std::shared_ptr<RingRegions> regions;
  os::Doorbell& data;  ///< rings for messages; waited at by the receiving thread
  os::Doorbell& room;  ///< rings for room; waited at by the sending thread
  Fences fences;
  os::WaitMode wait;
  RingStart start;
  std::uint64_t arena;  ///< bytes that may be lent to the other, in each direction, beside the ring
  os::Memfd::Pages pages;
  std::atomic<std::uint64_t> sent{
      0};  ///< how far we have written: tells the receiving thread a conversation,
  std::atomic<bool> conversing{false};  ///< which it tells the sending one
};

class RingReceiver {
 public:
  /// `view` is of the peer's ring; it is taken over.
  RingReceiver(RingSides& sides, RingView* view, std::uint64_t max_message_size) noexcept;
  ~RingReceiver();
  RingReceiver(const RingReceiver&) = delete;
  RingReceiver& operator=(const RingReceiver&) = delete;

  /// The user asks for more: what it has received before counts as read, in memory that outlives us.
  void settle() noexcept {
    if (settled_word_ == nullptr || assembly_.active) return;
    settled_ = reader_.position();
    shm::Memory::store_release(settled_word_, settled_);
    if (settled_ - reader_.given_back() >= lazy_ && settled_ > reader_.given_back()) give_back();
  }
  /// The channel ends: the same, and what the user still holds becomes private memory, since others will use the
  /// ring. Without memory for that, what is held counts as unread.
  void end() noexcept;
  /// The bells are about to go.
  void let_go_of_bells() noexcept { blocks_.close(); }

  /// Whether the next message is whole, in one record and there: the quick way.
  bool next_message(shm::Record& record) const noexcept {
    return reader_.front_message(record) && !assembly_.active;
  }
  /// The same, after a moment of looking for it if there is nothing yet and this side spins.
  bool next_message_soon(shm::Record& record, Deadline deadline) noexcept {
    if (next_message(record)) [[likely]]
      return true;
    return !deadline.is_now() && !reader_.ready() && look_closely() && next_message(record);
  }
  /// Goes on behind next_message(), whose payload has been copied.
  void take_copied(const shm::Record& record) noexcept {
    count_message(record.size);
    pop(record);
  }
  /// Goes on behind next_message(), which is lent.
  Message take_lent(shm::Record record) noexcept {
    count_message(record.size);
    const std::uint64_t position = reader_.position();
    reader_.pop(record.size);
    lent_end_ = reader_.position();
    return view_->lend(position, {record.payload, record.size});
  }
  /// Whether the user holds so much of the ring that what comes next had better wait.
  bool holds_much() noexcept {
    if (reader_.position() - freed_ <= may_hold_) return false;
    give_back();
    return reader_.position() - freed_ > may_hold_;
  }
  /// What the user holds becomes private memory at the same place, and the ring is the peer's again. Errors:
  /// resource_limit; then nothing has changed.
  Result<void> let_go_of_held();

  /// Waits for the next message to begin; its size. Errors: timed_out, cancelled, closed, peer_died,
  /// protocol_violation, resource_limit.
  Result<std::uint64_t> await_message(Deadline deadline);
  /// The message that await_message() told of. False, or an empty optional: it was withdrawn.
  Result<bool> take(ByteSpan into, Deadline deadline);
  Result<std::optional<Message>> take(Deadline deadline);

  /// For a poll descriptor: whether a call would not block. If not, the bell rings as soon as it would.
  bool ready_or_wish();
  /// How the peer's messages end, for a sender that found it gone: closed, peer_died or protocol_violation. Any
  /// thread.
  Errc find_end();

  Statistics::Direction statistics() const noexcept;

 private:
  struct Assembly {
    bool active = false;
    std::uint64_t total = 0;
    std::uint64_t filled = 0;
    std::byte* target = nullptr;
  };
  using Clock = Deadline::Clock;

  /// What await_message() told of, when it is one record.
  const shm::Record* whole_message() noexcept { return assembly_.active ? nullptr : reader_.front(); }
  void pass_lent() noexcept;
  Result<void> look_at_lent(const shm::Record& record);
  Result<void> forget_dropped(const shm::Record& record);
  void pop(const shm::Record& record) noexcept {
    const std::uint64_t position = reader_.position();
    reader_.pop(record.size);
    if (freed_ == position) [[likely]] {
      freed_ = reader_.position();
    } else {
      view_->skip(position, record.size);
    }
    if (reader_.position() - reader_.given_back() >= lazy_) [[unlikely]]
      give_back();
  }
  const shm::Record* front() noexcept;
  void give_back() noexcept;
  std::uint64_t may_give_back() const noexcept;
  bool holds_too_much() const noexcept { return reader_.position() - freed_ > reader_.capacity() / 2; }
  bool look_closely() noexcept;
  Result<const shm::Record*> await_record(Deadline deadline);
  Result<void> wait(Deadline deadline);
  Result<void> sleep(Deadline deadline);
  bool look_for_end();
  Result<bool> assemble(Deadline deadline);
  std::unexpected<Error> violate(std::string_view rule);
  std::unexpected<Error> end_error() const;
  void count_message(std::uint64_t size) noexcept {
    ++counts_.messages;
    counts_.bytes += size;
    if (size > counts_.largest) counts_.largest = size;
  }

  shm::RingReader<> reader_;
  RingView* view_;
  std::uint64_t freed_;         ///< everything before it in the ring is nobody's any more
  std::uint64_t lent_end_ = 0;  ///< nothing behind it was lent
  std::uint64_t lazy_;          ///< bytes after which the ring is given back
  std::uint64_t may_hold_;      ///< bytes of the ring that the user may hold
  Assembly assembly_;
  LentBlocks blocks_;
  std::optional<shm::LentRecord> lent_;  ///< the next message, when it lies in a block
  Statistics::Direction counts_;

  os::Doorbell& data_;
  os::Doorbell& room_;
  Wish wants_data_;
  WishOfPeer room_wish_;
  os::Waiter waiter_;
  os::WaitMode wait_;
  const std::atomic<std::uint64_t>& sent_;
  std::atomic<bool>& conversing_;
  std::uint64_t sent_at_last_wait_ = 0;
  std::uint64_t seen_at_last_wait_ = 0;
  std::uint32_t close_behind_ = 0;  ///< waits in a row that were over at once
  std::uint64_t turns_ = 0;
  std::uint64_t looks_for_end_ = 0;
  Clock::time_point looked_for_end_;
  bool gone_ = false;  ///< the peer: what is in the ring is all that comes
  std::uint64_t max_message_size_;
  std::optional<Errc> end_;
  std::string violated_rule_;
  SegmentPtr large_;        ///< memory of the last long message in parts, used again when it fits
  SegmentPtr spare_large_;  ///< of the one before
  std::mutex moving_;       ///< held while view_ is exchanged, and by find_end()
  const std::uint64_t* given_back_;
  std::uint64_t* settled_word_;
  std::uint64_t settled_;
};

}  // namespace tenon
