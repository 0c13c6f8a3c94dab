#include "channel/lent_blocks.hpp"

#include <algorithm>
#include <new>

#include "base/try.hpp"

namespace tenon {
namespace {

/// A peer may ring without end in front of a descriptor.
constexpr int most_looks = 1000;

std::unexpected<Error> violation(const char* rule) {
  return std::unexpected(Error(Errc::protocol_violation, "receive", {}, rule));
}

}  // namespace

// ---- Returning

void ReturnDesk::ring(std::uint64_t number) noexcept {
  const std::lock_guard lock(mutex_);
  if (room_ == nullptr || number == heeded_) return;
  heeded_ = number;
  room_->ring();
  rings_.fetch_add(1, std::memory_order_relaxed);
}

void LentBlock::release(ByteView) noexcept {
  desk_->give_back(number_, generation_);
  if (balance_.fetch_add(1, std::memory_order_acq_rel) == -1) delete this;  // SYNC: block released
}

void LentBlock::abandon() noexcept {
  const auto lent = static_cast<std::int64_t>(lent_);
  if (balance_.fetch_sub(lent, std::memory_order_acq_rel) == lent) delete this;  // SYNC: block released
}

// ---- The table

LentBlocks::~LentBlocks() {
  close();
  for (const Place& place : blocks_) {
    if (place.block != nullptr) place.block->abandon();
  }
}

Result<void> LentBlocks::accept(const shm::LentRecord& record) {
  if (record.block >= shm::most_blocks || most_bytes_ == 0)
    return violation("a message in a block that it cannot have");
  Place& place = blocks_[record.block];
  if (record.generation != place.generation + 1 ||
      (desk_ && !desk_->returned(record.block, place.generation)))
    return violation("a message in a block that was not returned");
  if (record.brought != 0) {
    TRY(take_over(record));
  } else if (place.block == nullptr) {
    return violation("a message in a block that it has not brought");
  }
  if (record.length > place.block->size()) return violation("a message that is longer than its block");
  return {};
}

Result<void> LentBlocks::take_over(const shm::LentRecord& record) {
  Place& place = blocks_[record.block];
  const std::uint64_t before = place.block == nullptr ? 0 : place.block->size();
  if (record.brought > most_bytes_ - (bytes_ - before)) return violation("a block beyond the agreed arena=");
  if (!brought_) {
    auto memory = adopt_sealed(TRY(next_descriptor()), record.brought);
    if (!memory) return violation("a block that is not of shared memory, sealed and as large as it says");
    brought_ = std::move(*memory);
  }
  auto mapping = TRY(brought_->map(os::Access::read));
  if (!desk_) desk_ = std::make_shared<ReturnDesk>(regions_, fences_, room_);
  auto* const block = new LentBlock(std::move(mapping), record.block, desk_);
  brought_.reset();
  if (place.block != nullptr) place.block->abandon();
  place.block = block;
  bytes_ += record.brought - before;
  return {};
}

/// The descriptor was sent before the record was shown.
Result<os::Fd> LentBlocks::next_descriptor() {
  for (int look = 0; look < most_looks; ++look) {
    if (data_.lost_passed()) return violation("more descriptors than it has blocks");
    if (os::Fd fd = data_.take_passed()) return fd;
    const os::Doorbell::State state = data_.hush();
    if (data_.left_passed()) {
      return std::unexpected(Error(Errc::resource_limit, "receive", {},
                                   "no descriptor is left for the memory of a large message: close some, or "
                                   "raise ulimit -n; it is still there"));
    }
    if (state != os::Doorbell::State::rung) break;
  }
  if (os::Fd fd = data_.take_passed()) return fd;
  return violation("a block without its descriptor");
}

void LentBlocks::done(const shm::LentRecord& record) noexcept {
  blocks_[record.block].generation = record.generation;
  desk_->give_back(record.block, record.generation);
}

Message LentBlocks::lend(const shm::LentRecord& record) noexcept {
  blocks_[record.block].generation = record.generation;
  return blocks_[record.block].block->lend(record.generation, record.length);
}

bool LentBlocks::drop(std::uint64_t number) noexcept {
  if (number >= shm::most_blocks) return false;
  Place& place = blocks_[number];
  if (place.block == nullptr || !desk_->returned(number, place.generation)) return false;
  bytes_ -= place.block->size();
  place.block->abandon();
  place.block = nullptr;
  return true;
}

void LentBlocks::about_to_wait(std::uint64_t position) noexcept {
  if (!desk_ || position == waited_at_) return;
  const auto held = [&](const Place& place) {
    return place.block != nullptr &&
           !desk_->returned(static_cast<std::uint64_t>(&place - blocks_.data()), place.generation);
  };
  if (std::ranges::none_of(blocks_, held)) return;
  waited_at_ = position;
  desk_->wait_holding(position);
}

}  // namespace tenon
