// The messages that RingReceiver finds in records: whole ones, those in parts, and those in blocks of the peer's.
#include "channel/ring_receiver.hpp"

#include <cstring>
#include <string>

#include "base/try.hpp"

namespace tenon {
namespace {

using shm::RecordKind;

/// Long messages up to this size leave their memory for the next one.
constexpr std::size_t kept_size = 16U << 20;

}  // namespace

Result<std::uint64_t> RingReceiver::await_message(Deadline deadline) {
  if (end_) return end_error();
  if (assembly_.active) return assembly_.total;
  for (;;) {
    if (lent_) return lent_->length;
    const shm::Record* const record = TRY(await_record(deadline));
    if (record->kind == RecordKind::message) return record->size;
    if (record->kind == RecordKind::lent) {
      TRY(look_at_lent(*record));
      continue;
    }
    if (record->kind == RecordKind::dropped) {
      TRY(forget_dropped(*record));
      continue;
    }
    if (record->kind != RecordKind::first || record->size < sizeof(std::uint64_t)) {
      return violate("a part of a message that has not begun");
    }
    std::uint64_t total = 0;
    std::memcpy(&total, record->payload, sizeof total);
    const std::uint64_t here = record->size - sizeof total;
    if (total > max_message_size_) return violate("a message beyond the agreed maximum size");
    if (here >= total) return violate("the beginning of a message that is all of it");
    assembly_ = {true, total, 0, nullptr};
    return total;
  }
}

Result<void> RingReceiver::look_at_lent(const shm::Record& record) {
  shm::LentRecord lent{};
  if (record.size != sizeof lent) return violate("a record of a wrong length");
  shm::load_once(record.payload, lent);
  if (lent.length > max_message_size_) return violate("a message beyond the agreed maximum size");
  const auto accepted = blocks_.accept(lent);
  if (accepted) {
    lent_ = lent;
    return {};
  }
  const Error& error = accepted.error();
  if (error.code() == Errc::protocol_violation) return violate(error.advice());
  return accepted;
}

Result<void> RingReceiver::forget_dropped(const shm::Record& record) {
  std::uint64_t number = 0;
  if (record.size != sizeof number) return violate("a record of a wrong length");
  shm::load_once(record.payload, number);
  if (!blocks_.drop(number)) return violate("the end of a block that it does not have");
  pop(record);
  return {};
}

/// Fills the assembly's target. False when the message was withdrawn.
Result<bool> RingReceiver::assemble(Deadline deadline) {
  for (;;) {
    const shm::Record& record = *TRY(await_record(deadline));
    const bool begins = record.kind == RecordKind::first;
    if (record.kind == RecordKind::withdrawn && assembly_.filled > 0) {
      assembly_.active = false;
      pop(record);
      return false;
    }
    const std::uint64_t skipped = begins ? sizeof(std::uint64_t) : 0;
    // Its size was checked when it was at the front, and has not been read again since.
    const std::uint64_t size = record.size - skipped;
    const std::uint64_t left = assembly_.total - assembly_.filled;
    const bool ends = record.kind == RecordKind::last;
    if (begins != (assembly_.filled == 0) || (!begins && !ends && record.kind != RecordKind::middle) ||
        (ends ? size != left : size == 0 || size >= left)) {
      return violate("parts that do not make a message");
    }
    std::memcpy(assembly_.target + assembly_.filled, record.payload + skipped, size);
    assembly_.filled += size;
    pop(record);
    if (ends) {
      assembly_.active = false;
      count_message(assembly_.total);
      return true;
    }
  }
}

namespace {

std::unexpected<Error> no_memory(std::uint64_t size) {
  return std::unexpected(Error(Errc::resource_limit, "receive", {},
                               "no memory for a message of " + std::to_string(size) +
                                   " bytes; max-message-size= bounds what a peer may send"));
}

}  // namespace

/// Goes on behind the message that lay in a block.
void RingReceiver::pass_lent() noexcept {
  count_message(lent_->length);
  lent_.reset();
  pop(*reader_.front());
}

Result<bool> RingReceiver::take(ByteSpan into, Deadline deadline) {
  if (lent_) {
    shm::copy(into.data(), blocks_.view(*lent_).data(), lent_->length);
    blocks_.done(*lent_);
    pass_lent();
    return true;
  }
  if (const shm::Record* const record = whole_message()) {
    shm::copy(into.data(), record->payload, record->size);
    take_copied(*record);
    return true;
  }
  const std::uint64_t total = assembly_.total;
  if (assembly_.filled == 0) assembly_.target = into.data();
  const bool in_our_memory = assembly_.target != into.data();
  auto done = assemble(deadline);
  if (done && *done && in_our_memory) {
    std::memcpy(into.data(), large_->data(), total);
    if (large_->capacity() > kept_size) large_.reset();
  }
  if (!done && assembly_.active && !in_our_memory && assembly_.filled > 0) {
    // Keep what arrived: the caller's memory is the caller's again.
    if (!large_.renew(spare_large_, total)) {  // a part of it is lost: there is no going on
      violate("");
      end_ = Errc::resource_limit;
      return no_memory(total);
    }
    std::memcpy(large_->data(), into.data(), assembly_.filled);
    assembly_.target = large_->data();
  }
  return done;
}

Result<std::optional<Message>> RingReceiver::take(Deadline deadline) {
  if (lent_) {
    std::optional<Message> message(blocks_.lend(*lent_));
    pass_lent();
    return message;
  }
  if (const shm::Record* const record = whole_message()) return std::optional(take_lent(*record));
  const std::uint64_t total = assembly_.total;
  if (assembly_.filled == 0) {
    if (!large_.renew(spare_large_, total)) return no_memory(total);
    assembly_.target = large_->data();
  }
  if (!TRY(assemble(deadline))) return std::optional<Message>();
  std::optional<Message> message(large_.message({large_->data(), total}));
  if (large_->capacity() > kept_size) large_.reset();
  return message;
}

}  // namespace tenon
