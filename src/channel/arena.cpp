#include "channel/arena.hpp"

#include <algorithm>
#include <bit>

#include "base/try.hpp"
#include "channel/region.hpp"
#include "shm/memory.hpp"

namespace tenon {
namespace {

constexpr std::uint64_t least_block = 64 << 10;
constexpr std::uint64_t huge_page = 2 << 20;
/// Blocks that are made without waiting for one to come back: enough to write one while others travel, are read and
/// come back; of small ones as many as there can be.
constexpr std::size_t blocks_underway = 4;
constexpr std::uint64_t small_arena = 16 << 20;
/// A block that is so many times too large is used only when there can be no other.
constexpr std::uint64_t much_too_large = 4;

}  // namespace

std::uint64_t block_size(std::uint64_t size) noexcept {
  if (size <= least_block) return least_block;
  const std::uint64_t step = std::bit_floor(size - 1) / 4;
  return (size + step - 1) / step * step;
}

Result<Arena::Block*> Arena::take(std::uint64_t size, bool all) {
  const std::uint64_t rounded = block_size(size);
  const auto fits = [&](Block* block) { return block != nullptr && block->size() / much_too_large <= size; };
  Block* block = best_of_free(size);
  if (!fits(block)) {
    look_at_peer();
    block = best_of_free(size);
  }
  const bool wants_more = all || lent_ < blocks_underway || bytes_ + rounded <= small_arena;
  if (!fits(block) && wants_more && (has_room(rounded) || (block == nullptr && make_room(rounded)))) {
    auto made = make(rounded);
    if (!made && block == nullptr) return made;
    if (made) block = *made;
  }
  if (block != nullptr) block->use_ = Use::here;
  return block;
}

void Arena::look_at_peer() noexcept {
  for (std::size_t i = 0; i < blocks_.size(); ++i) {
    Block& block = blocks_[i];
    if (block.use_ != Use::lent) continue;
    const std::uint64_t returned =
        shm::Memory::load_acquire(&returns_.returned[i].generation);  // SYNC: block returned
    if (returned == block.generation_) {
      block.use_ = Use::free;
      --lent_;
    } else if (returned != block.generation_ - 1) {
      plausible_ = false;
    }
  }
}

Arena::Block* Arena::best_of_free(std::uint64_t size) noexcept {
  Block* best = nullptr;
  for (Block& block : blocks_) {
    if (block.use_ != Use::free || block.size() < size) continue;
    if (best == nullptr || block.size() < best->size()) best = &block;
  }
  return best;
}

/// Whether there may be a block of `size` beside all that there are.
bool Arena::has_room(std::uint64_t size) const noexcept {
  return size <= most_bytes_ - bytes_ && std::ranges::count(blocks_, Use::none, &Block::use_) > 0;
}

/// Drops free blocks, which are too small, until there may be one of `size`. False: there are not enough of them.
bool Arena::make_room(std::uint64_t size) noexcept {
  std::uint64_t lent = 0;
  for (const Block& block : blocks_) lent += block.use_ == Use::lent ? block.size() : 0;
  if (size > most_bytes_ - lent) return false;
  for (Block& block : blocks_) {
    if (has_room(size)) break;
    if (block.use_ != Use::free) continue;
    bytes_ -= block.size();
    if (!block.news_) dropped_ |= 1U << number_of(block);
    block.memory_.reset();
    block.news_.reset();
    block.use_ = Use::none;
  }
  return has_room(size);
}

Result<Arena::Block*> Arena::make(std::uint64_t size) {
  const os::Memfd::Pages pages = size >= huge_page ? pages_ : os::Memfd::Pages::small;
  auto memory = TRY(os::Memfd::create("tenon-block", size, os::Memfd::Sealing::allowed, pages));
  auto mapping = TRY(memory.map(os::Access::read_write));
  TRY(seal_for_peer(memory));
  Block& block = *std::ranges::find(blocks_, Use::none, &Block::use_);
  block.memory_ = std::move(mapping);
  block.news_ = memory.release();
  bytes_ += size;
  return &block;
}

shm::LentRecord Arena::lend(Block& block, std::uint64_t length) noexcept {
  const std::uint64_t brought = block.news_ ? block.size() : 0;
  block.news_.reset();
  block.use_ = Use::lent;
  ++lent_;
  return {number_of(block), ++block.generation_, length, brought};
}

std::optional<std::uint64_t> Arena::dropped() const noexcept {
  if (dropped_ == 0) return std::nullopt;
  return static_cast<std::uint64_t>(std::countr_zero(dropped_));
}

}  // namespace tenon
