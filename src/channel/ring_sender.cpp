#include "channel/ring_sender.hpp"

#include <algorithm>
#include <cerrno>
#include <utility>

#include "base/try.hpp"
#include "os/pause.hpp"

namespace tenon {
namespace {

using shm::RecordKind;

/// Looks for room between two looks at the clock.
constexpr int looks_a_turn = 64;
/// A sender that spins looks whether the peer is still there after so many turns.
constexpr std::uint64_t turns_between_checks = 256;
/// One that has room, after so many bytes.
constexpr std::uint64_t bytes_between_checks = 64 << 10;
/// Messages in these bytes, for which it pays to stay where the ring begins: of up to 1 KiB or so.
constexpr std::uint64_t short_messages = 48;
/// Messages of a batch are shown together, but not so many that the receiver would begin late.
constexpr std::uint64_t bytes_shown_together = 4 << 10;
/// Beyond that the blocks would cost more memory than they save time.
constexpr std::uint64_t most_copied_into_block = 64 << 20;
constexpr auto short_sleep = std::chrono::milliseconds(1);

}  // namespace

RingSender::RingSender(RingSides& sides) noexcept
    : writer_(sides.regions->own.data(), sides.regions->own.capacity(),
              &sides.regions->peer.words().read_position, sides.start.send_from),
      arena_(sides.regions->peer.returns(), sides.arena, sides.pages),
      waits_holding_(&sides.regions->peer.returns().waits_holding.generation),
      sent_(sides.sent),
      conversing_(sides.conversing),
      data_wish_(&sides.regions->peer.words().wants_data, sides.fences),
      max_record_(shm::max_record(sides.regions->own.capacity())),
      may_skip_(sides.start.settled == nullptr && writer_.capacity() >= 4 * bytes_between_checks),
      next_check_(bytes_between_checks),
      data_(sides.data),
      room_(sides.room),
      wants_room_(&sides.regions->own.header().wants_room, sides.fences),
      waiter_(sides.wait),
      wait_(sides.wait),
      part_(sides.regions->own.capacity() / 8 - shm::record_header),
      read_position_(&sides.regions->peer.words().read_position) {}

Statistics::Direction RingSender::statistics() const noexcept {
  Statistics::Direction counts = counts_;
  counts.sleeps = waiter_.sleeps();
  counts.wakeups = data_wish_.rings();
  const std::uint64_t unread = unread_behind(shm::Memory::load_relaxed(read_position_));
  if (unread <= writer_.capacity()) counts.high_water = std::max(counts.high_water, unread);
  counts.system_calls = data_wish_.rings() + checks_ + passed_ + 2 * waiter_.sleeps();
  return counts;
}

void RingSender::check_peer() noexcept {
  ++checks_;
  if (room_.hush() == os::Doorbell::State::gone) gone_ = true;
}

/// A peer that goes on reading is alive. In a conversation of short messages the ring's first lines are used again and
/// again, since they are in a cache near by; anything else takes all of the ring, whose lines have left the other CPU's
/// cache when they are written again.
void RingSender::look_around() noexcept {
  const std::uint64_t read = writer_.given_back();
  mark_high_water(read);
  if (read == read_at_last_check_) check_peer();
  read_at_last_check_ = read;
  const bool are_short = counts_.messages - messages_at_last_check_ >= short_messages;
  messages_at_last_check_ = counts_.messages;
  if (may_skip_ && are_short && conversing_.load(std::memory_order_relaxed) &&
      writer_.offset() >= bytes_between_checks) {
    const std::uint64_t from = writer_.position();
    if (writer_.stage_skip()) {
      skipped_to_ = writer_.position();
      skipped_ = skipped_to_ - from;
    }
  }
  next_check_ = writer_.position() + bytes_between_checks;
}

// ---- Waiting for room

template <typename Found>
Result<void> RingSender::sleep(Found found, Deadline deadline) {
  const bool reliable = wants_room_.make();
  if (found()) {
    wants_room_.drop();
    return {};
  }
  auto woken = room_.wait(reliable ? deadline : deadline.or_earlier(Deadline::in(short_sleep)));
  wants_room_.drop();
  check_peer();
  if (!woken && woken.error().code() == Errc::timed_out && !reliable && !deadline.expired()) return {};
  return woken;
}

void RingSender::note_that_it_is_full() noexcept {
  ++counts_.full_waits;
  mark_high_water(writer_.given_back());
}

/// `found` looks for what the peer gives back, or whether there is another reason to go on.
template <typename Found>
Result<void> RingSender::wait_until(Found found, Deadline deadline) {
  for (bool full = false;;) {
    for (int look = 0; look < looks_a_turn; ++look) {
      if (found()) {
        waiter_.progressed();
        return {};
      }
      if (!std::exchange(full, true)) note_that_it_is_full();
      if (deadline.is_now() || !waiter_.spins()) break;
      os::cpu_pause();
    }
    if (deadline.is_now() || (wait_ == os::WaitMode::spin && ++turns_ % turns_between_checks == 0))
      check_peer();
    if (gone_) return std::unexpected(Error(Errc::closed, "send"));
    if (writer_.publish()) static_cast<void>(tell());  // a skip alone: the reader has to pass it
    if (waiter_.spins()) ++counts_.spins;
    TRY(waiter_.pause([&](Deadline until) { return sleep(found, until); }, deadline));
  }
}

std::unexpected<Error> RingSender::disconnect(const char* reason) noexcept {
  data_.disconnect();
  room_.disconnect();
  return std::unexpected(Error(Errc::protocol_violation, "send", {}, reason));
}

Result<std::byte*> RingSender::reserve(std::uint64_t size, Deadline deadline) {
  std::byte* place = nullptr;
  const auto found = [&] {
    place = writer_.reserve(size);
    return place != nullptr || !writer_.reader_plausible();
  };
  TRY(wait_until(found, deadline));
  if (place != nullptr) return place;
  return disconnect("the peer says to have read what it cannot have; it has been disconnected");
}

// ---- Sending

Result<std::size_t> RingSender::send(std::span<const ByteView> messages, Deadline deadline) {
  if (gone_) return std::unexpected(Error(Errc::closed, "send"));
  TRY(write_withdrawal(deadline));
  std::uint64_t shown = writer_.position();
  std::size_t sent = 0;
  for (const ByteView message : messages) {
    std::byte* const place =
        message.size() <= max_record_ ? writer_.reserve_exactly(message.size()) : nullptr;
    if (place != nullptr) [[likely]] {
      shm::copy_payload(place, message.data(), message.size());
      writer_.stage(RecordKind::message, static_cast<std::uint32_t>(message.size()));
      count_message(message.size());
    } else {
      writer_.publish();
      static_cast<void>(tell());
      if (auto went = send_one(message, deadline); !went) {
        if (sent > 0) return sent;
        return std::unexpected(std::move(went).error());
      }
    }
    ++sent;
    if (writer_.position() - shown >= bytes_shown_together) {
      writer_.publish();
      shown = writer_.position();
    }
  }
  writer_.publish();
  static_cast<void>(tell());  // the peer may have had them and left: that is for the next send to say
  return sent;
}

/// For which there was no room at first, or never will be in one piece.
Result<void> RingSender::send_one(ByteView message, Deadline deadline) {
  if (message.size() > max_record_) return send_beyond_ring(message, deadline);
  std::byte* const place = TRY(reserve(message.size(), deadline));
  shm::copy_payload(place, message.data(), message.size());
  commit_at_once(message.size());
  return {};
}

/// One copy into a block, which the receiver reads there, costs half of what parts cost, which are put together there.
Result<void> RingSender::send_beyond_ring(ByteView message, Deadline deadline) {
  if (message.size() > most_copied_into_block) return send_in_parts(message, deadline);
  const auto block = reserve_block(message.size(), deadline);
  if (!block && block.error().code() != Errc::resource_limit) return std::unexpected(block.error());
  if (!block || *block == nullptr) return send_in_parts(message, deadline);
  std::memcpy((*block)->data(), message.data(), message.size());
  return lend(**block, message.size(), deadline);
}

Result<void> RingSender::send_in_parts(ByteView message, Deadline deadline) {
  const std::uint64_t total = message.size();
  RecordKind kind = RecordKind::first;
  while (!message.empty()) {
    const std::uint64_t extra = kind == RecordKind::first ? sizeof total : 0;
    const std::uint64_t size = std::min<std::uint64_t>(message.size() + extra, part_);
    const auto reserved = reserve(size, deadline);
    if (!reserved) {
      withdrawal_due_ = kind != RecordKind::first;
      if (withdrawal_due_) static_cast<void>(write_withdrawal(Deadline::now()));
      return std::unexpected(reserved.error());
    }
    std::byte* const place = *reserved;
    if (extra > 0) std::memcpy(place, &total, sizeof total);
    std::memcpy(place + extra, message.data(), size - extra);
    message = message.subspan(size - extra);
    if (kind != RecordKind::first && message.empty()) kind = RecordKind::last;
    writer_.commit(kind, static_cast<std::uint32_t>(size));
    if (!tell() && kind != RecordKind::last) return std::unexpected(Error(Errc::closed, "send"));
    kind = RecordKind::middle;
  }
  count_message(total);
  return {};
}

// ---- In the arena

Result<Arena::Block*> RingSender::reserve_block(std::uint64_t size, Deadline deadline) {
  if (!arena_.can_hold(size)) return nullptr;
  Result<Arena::Block*> block = nullptr;
  bool in_vain = false;
  const auto found = [&] {
    if (block && *block != nullptr) return true;
    in_vain = peer_waits_holding();  // before the look: then all that will be returned soon has been
    block = arena_.take(size, in_vain);
    return in_vain || !block || *block != nullptr || !arena_.peer_plausible();
  };
  TRY(wait_until(found, deadline));
  if (block && *block != nullptr) return block;
  if (!arena_.peer_plausible()) {
    return disconnect("the peer returns memory that it cannot have; it has been disconnected");
  }
  // Without a descriptor for a block there may be memory all the same.
  const int why = block ? 0 : block.error().system_errno();
  return why == EMFILE || why == ENFILE ? nullptr : block;
}

Result<void> RingSender::tell_of_dropped(Deadline deadline) {
  while (const auto number = arena_.dropped()) {
    std::byte* const place = TRY(reserve(sizeof *number, deadline));
    std::memcpy(place, &*number, sizeof *number);
    writer_.stage(RecordKind::dropped, sizeof *number);
    arena_.told_of_dropped(*number);
  }
  return {};
}

Result<void> RingSender::lend(Arena::Block& block, std::uint64_t size, Deadline deadline) {
  auto ready = write_withdrawal(deadline);
  if (ready) ready = tell_of_dropped(deadline);
  const auto reserved = ready ? reserve(sizeof(shm::LentRecord), deadline) : std::unexpected(ready.error());
  if (!reserved) {
    arena_.put_back(block);
    return std::unexpected(reserved.error());
  }
  if (block.news()) {
    ++passed_;
    const auto passed = data_.pass(block.news().get());
    if (passed != os::Doorbell::Passed::yes) {
      arena_.put_back(block);
      if (passed == os::Doorbell::Passed::no_room) return send_in_parts({block.data(), size}, deadline);
      gone_ = true;
      return std::unexpected(Error(Errc::closed, "send"));
    }
  }
  const shm::LentRecord record = arena_.lend(block, size);
  std::memcpy(*reserved, &record, sizeof record);
  writer_.commit(RecordKind::lent, sizeof record);
  count_message(size);
  static_cast<void>(tell());
  return {};
}

Result<void> RingSender::write_withdrawal(Deadline deadline) {
  if (!withdrawal_due_) return {};
  static_cast<void>(TRY(reserve(0, deadline)));
  withdrawal_due_ = false;
  writer_.commit(RecordKind::withdrawn, 0);
  static_cast<void>(tell());
  return {};
}

Result<void> RingSender::send_close(Deadline deadline) {
  TRY(write_withdrawal(deadline));
  static_cast<void>(TRY(reserve(0, deadline)));
  writer_.commit(RecordKind::close, 0);
  static_cast<void>(tell());
  return {};
}

}  // namespace tenon
