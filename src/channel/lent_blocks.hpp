// The receiver's half of messages in the peer's blocks (arena.hpp): which it has been given, mapped read-only, and how
// they are returned, by whoever releases the message, in any thread, also when the channel is gone.
//
// Knows the rules for blocks, not the ring.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <mutex>
#include <optional>

#include <tenon/message.hpp>
#include <tenon/os/mapping.hpp>
#include <tenon/os/memfd.hpp>

#include "channel/region.hpp"
#include "channel/ring_wish.hpp"
#include "os/doorbell.hpp"
#include "shm/layout.hpp"

namespace tenon {

/// Where blocks are returned; lives as long as any of them.
class ReturnDesk {
 public:
  ReturnDesk(std::shared_ptr<RingRegions> regions, Fences fences, os::Doorbell& room) noexcept
      : regions_(std::move(regions)),
        returns_(&regions_->own.returns()),
        wish_(&regions_->peer.words().wants_room),
        fences_(fences),
        room_(&room) {}

  /// Any thread: the message that was number `generation` in block `number` is done with.
  void give_back(std::uint64_t number, std::uint64_t generation) noexcept {
    shm::Memory::store_release(&returns_->returned[number].generation, generation);  // SYNC: block returned
    ring_if_wished();
  }
  bool returned(std::uint64_t number, std::uint64_t generation) const noexcept {
    return shm::Memory::load_acquire(&returns_->returned[number].generation) == generation;
  }
  /// The user holds blocks, and waits for the record at `position`.
  void wait_holding(std::uint64_t position) noexcept {
    shm::Memory::store_release(&returns_->waits_holding.generation, position);  // SYNC: waits holding
    ring_if_wished();
  }
  std::uint64_t rings() const noexcept { return rings_.load(std::memory_order_relaxed); }
  /// The bell is no more.
  void close() noexcept {
    const std::lock_guard lock(mutex_);
    room_ = nullptr;
  }

 private:
  void ring_if_wished() noexcept {
    order_store_and_load(fences_);
    const std::uint64_t number = shm::Memory::load_relaxed(wish_);  // SYNC: wish
    if (number % 2 != 0) [[unlikely]]
      ring(number);
  }
  void ring(std::uint64_t number) noexcept;

  std::shared_ptr<RingRegions> regions_;
  shm::ReturnWords* returns_;
  const std::uint64_t* wish_;
  Fences fences_;
  std::mutex mutex_;
  os::Doorbell* room_;
  std::uint64_t heeded_ = 0;
  std::atomic<std::uint64_t> rings_{0};
};

/// A block of the peer's. Belongs to the table that it is in, and to the message that shows it.
class LentBlock final : public detail::MessageMemory {
 public:
  LentBlock(os::Mapping memory, std::uint64_t number, std::shared_ptr<ReturnDesk> desk) noexcept
      : memory_(std::move(memory)), number_(number), desk_(std::move(desk)) {}

  std::uint64_t size() const noexcept { return memory_.size(); }
  Message lend(std::uint64_t generation, std::uint64_t length) noexcept {
    generation_ = generation;
    ++lent_;
    return {view(length), this};
  }
  ByteView view(std::uint64_t length) const noexcept { return memory_.view().first(length); }
  void release(ByteView) noexcept override;
  /// The table forgets it.
  void abandon() noexcept;

 private:
  ~LentBlock() = default;

  os::Mapping memory_;
  std::uint64_t number_;
  std::uint64_t generation_ = 0;  ///< of the message that shows it
  std::uint64_t lent_ = 0;
  /// Messages released; after abandon() how many of the lent ones are missing, as a negative number.
  std::atomic<std::int64_t> balance_{0};
  std::shared_ptr<ReturnDesk> desk_;
};

/// Threads: the receiving one.
class LentBlocks {
 public:
  /// At most `most_bytes` are taken from the peer.
  LentBlocks(std::shared_ptr<RingRegions> regions, Fences fences, os::Doorbell& data, os::Doorbell& room,
             std::uint64_t most_bytes) noexcept
      : regions_(std::move(regions)), fences_(fences), data_(data), room_(room), most_bytes_(most_bytes) {}
  ~LentBlocks();
  LentBlocks(const LentBlocks&) = delete;
  LentBlocks& operator=(const LentBlocks&) = delete;

  /// Checks what the peer says and takes over the block that it brings. Errors: protocol_violation, with the rule as
  /// its advice; resource_limit: it can be tried again.
  Result<void> accept(const shm::LentRecord& record);
  /// What accept() accepted, to be read before done(); or as a message.
  ByteView view(const shm::LentRecord& record) const noexcept {
    return blocks_[record.block].block->view(record.length);
  }
  void done(const shm::LentRecord& record) noexcept;
  Message lend(const shm::LentRecord& record) noexcept;
  /// The peer says that a block is no more. False: it has none of that number, or has not got it back.
  bool drop(std::uint64_t number) noexcept;

  /// The user holds blocks and the receiver is about to wait at `position`: the peer is told, since it might wait for
  /// one of them.
  void about_to_wait(std::uint64_t position) noexcept;
  std::uint64_t rings() const noexcept { return desk_ ? desk_->rings() : 0; }
  /// The bells are about to go.
  void close() noexcept {
    if (desk_) desk_->close();
  }

 private:
  struct Place {
    LentBlock* block = nullptr;
    std::uint64_t generation = 0;
  };
  Result<void> take_over(const shm::LentRecord& record);
  Result<os::Fd> next_descriptor();

  std::shared_ptr<RingRegions> regions_;
  Fences fences_;
  os::Doorbell& data_;
  os::Doorbell& room_;
  std::uint64_t most_bytes_;
  std::uint64_t bytes_ = 0;
  std::array<Place, shm::most_blocks> blocks_{};
  std::optional<os::Memfd> brought_;  ///< judged, and not mapped yet
  std::shared_ptr<ReturnDesk> desk_;  ///< made with the first block
  std::uint64_t waited_at_ = 0;
};

}  // namespace tenon
