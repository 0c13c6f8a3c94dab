// The sender's half of messages in place that are longer than a record of the ring may be: blocks of shared memory,
// which the peer maps once and gives back message by message.
//
// Does not know the ring nor the socket, and never waits: ring_sender.* does. docs/ring.md has the rules.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <tenon/bytes.hpp>
#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/mapping.hpp>
#include <tenon/os/memfd.hpp>

#include "shm/layout.hpp"

namespace tenon {

/// The bytes of a block for a message of `size`: rounded up, so that it serves many, by at most a quarter.
std::uint64_t block_size(std::uint64_t size) noexcept;

/// Threads: the sending one.
class Arena {
 public:
  /// A piece of memory that is lent to the user, or to the peer.
  class Block {
   public:
    std::byte* data() const noexcept { return memory_.bytes().data(); }
    std::uint64_t size() const noexcept { return memory_.size(); }
    /// What the peer has to be given before the block's first message; none: it has it.
    const os::Fd& news() const noexcept { return news_; }

   private:
    friend class Arena;
    os::Mapping memory_;
    os::Fd news_;
    std::uint64_t generation_ = 0;  ///< of the last message in a block of this number
    enum class Use : std::uint8_t { none, free, here, lent } use_ = Use::none;
  };

  /// `returns` is the peer's; all blocks together have at most `most_bytes`, those that are large enough in `pages`.
  Arena(const shm::ReturnWords& returns, std::uint64_t most_bytes, os::Memfd::Pages pages) noexcept
      : returns_(returns), most_bytes_(most_bytes), pages_(pages) {}

  /// Whether a message of that size can ever lie in a block.
  bool can_hold(std::uint64_t size) const noexcept { return block_size(size) <= most_bytes_; }
  /// A block for a message of `size`, which can_hold(); null while all are lent. `all`: the peer will return none
  /// soon, so there may be as many as the bound allows. Errors: resource_limit.
  Result<Block*> take(std::uint64_t size, bool all);
  /// Without a message.
  void put_back(Block& block) noexcept { block.use_ = Block::Use::free; }

  /// What the peer is told with the message: its block is the peer's until it is returned.
  shm::LentRecord lend(Block& block, std::uint64_t length) noexcept;
  /// The number of a block that the peer has and that is no more, of which it is to be told before another is lent.
  std::optional<std::uint64_t> dropped() const noexcept;
  void told_of_dropped(std::uint64_t number) noexcept { dropped_ &= ~(1U << number); }

  /// False once the peer returned what it cannot have had.
  bool peer_plausible() const noexcept { return plausible_; }

 private:
  using Use = Block::Use;
  std::size_t number_of(const Block& block) const noexcept {
    return static_cast<std::size_t>(&block - blocks_.data());
  }
  void look_at_peer() noexcept;
  Block* best_of_free(std::uint64_t size) noexcept;
  Result<Block*> make(std::uint64_t size);
  bool has_room(std::uint64_t size) const noexcept;
  bool make_room(std::uint64_t size) noexcept;

  const shm::ReturnWords& returns_;
  std::uint64_t most_bytes_;
  os::Memfd::Pages pages_;
  std::uint64_t bytes_ = 0;  ///< of all blocks
  std::size_t lent_ = 0;
  std::uint32_t dropped_ = 0;  ///< a bit for each number of which the peer was not told yet
  bool plausible_ = true;
  std::array<Block, shm::most_blocks> blocks_;
};

}  // namespace tenon
