// The two pieces of memory under a channel in shared memory. Each side writes in its own, which the other maps
// read-only: so neither can be harmed by what the other does to memory. docs/ring.md has the layout.
#pragma once

#include <atomic>
#include <cstdint>
#include <memory>

#include <tenon/message.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/mapping.hpp>
#include <tenon/os/memfd.hpp>

#include "os/mirrored_mapping.hpp"
#include "shm/layout.hpp"

namespace tenon {

/// Of our memory that is mapped already: from here on nobody can write to it but that mapping, or resize it.
Result<void> seal_for_peer(os::Memfd& memory);
/// Takes memory of a peer, if that has been done to it, and it is really there. Errors: protocol_violation.
Result<os::Memfd> adopt_sealed(os::Fd memory, std::uint64_t size);

/// Ours: what we send, how far we have read, what we wish. Move-only.
class OwnRegion {
 public:
  /// `capacity` is a power of two between shm::least_capacity and shm::most_capacity. Errors: resource_limit.
  static Result<OwnRegion> create(std::uint64_t capacity);
  /// Memory that is a region already.
  explicit OwnRegion(os::MirroredMapping mapping) noexcept : mapping_(std::move(mapping)) {}

  shm::RegionHeader& header() const noexcept {
    return *reinterpret_cast<shm::RegionHeader*>(mapping_.header());
  }
  shm::ReturnWords& returns() const noexcept {
    return *reinterpret_cast<shm::ReturnWords*>(mapping_.header() + shm::return_words);
  }
  std::byte* data() const noexcept { return mapping_.data(); }
  std::uint64_t capacity() const noexcept { return mapping_.data_size(); }
  /// What the peer is given: sealed, so that it can neither write nor resize it. Closed by forget_fd().
  int fd() const noexcept { return memory_.get(); }
  void forget_fd() noexcept { memory_.reset(); }

 private:
  OwnRegion(os::Fd memory, os::MirroredMapping mapping) noexcept
      : memory_(std::move(memory)), mapping_(std::move(mapping)) {}

  os::Fd memory_;
  os::MirroredMapping mapping_;
};

/// The peer's, read-only: nothing in it is trusted, and each word is read once. Move-only.
struct PeerRegion {
  /// `capacity` is what the peer said. Errors: protocol_violation (not the memory that the rules ask for).
  static Result<PeerRegion> adopt(os::Fd memory, std::uint64_t capacity);

  const shm::RegionHeader& words() const noexcept { return header.at<const shm::RegionHeader>(0); }
  const shm::ReturnWords& returns() const noexcept {
    return header.at<const shm::ReturnWords>(shm::return_words);
  }

  os::Mapping header;
  os::MirroredMapping ring;
};

/// Both; shared with messages that outlive their channel, since the word that returns their memory is in ours.
struct RingRegions {
  OwnRegion own;
  PeerRegion peer;
};

/// Where a channel goes on in memory that has outlived others.
struct RingStart {
  std::uint64_t send_from = 0;     ///< where our next record goes
  std::uint64_t receive_from = 0;  ///< where the peer's next one is; `read_position` says so too
  /// A word of ours that says how far the user has read, exactly. Null where nobody will ask.
  std::uint64_t* settled = nullptr;
};

/// The peer's ring as messages in place show it: knows which records the user still holds, and lives until the
/// last of them is released. Records are released in any order and from any thread; retain() and the like are not
/// needed, so that a message costs one atomic exchange.
class RingView final : public detail::MessageMemory {
 public:
  /// Null when there is no memory.
  static RingView* create(os::MirroredMapping ring) noexcept;

  const std::byte* data() const noexcept { return ring_.data(); }
  std::uint64_t capacity() const noexcept { return ring_.data_size(); }
  const os::MirroredMapping& mapping() const noexcept { return ring_; }

  /// The record at `position`, lent to the user.
  Message lend(std::uint64_t position, ByteView payload) noexcept {
    slot(position).store(lines_of(payload.size()) << 2 | held, std::memory_order_relaxed);
    return {payload, this};
  }
  /// The record at `position` was not lent, but one before it still is.
  void skip(std::uint64_t position, std::uint64_t size) noexcept {
    slot(position).store(lines_of(size) << 2 | released, std::memory_order_relaxed);
  }
  /// From `position` on, where the first record begins that is held; at most `end`.
  std::uint64_t first_held(std::uint64_t position, std::uint64_t end) const noexcept {
    while (position < end) {
      const std::uint32_t state = slot(position).load(std::memory_order_acquire);  // SYNC: message released
      if ((state & 3) != released) break;
      position += static_cast<std::uint64_t>(state >> 2) * shm::cache_line;
    }
    return position;
  }
  void release(ByteView message) noexcept override;

  /// Makes private memory of [begin, end), so that the peer may write there while messages are held. Errors:
  /// resource_limit; then nothing has changed.
  Result<void> detach(std::uint64_t begin, std::uint64_t end) {
    return ring_.detach(begin & mask_, end - begin);
  }
  /// The channel no longer needs it; only records in [begin, end) may still be held.
  void abandon(std::uint64_t begin, std::uint64_t end) noexcept;

 private:
  static constexpr std::uint32_t held = 1;
  static constexpr std::uint32_t released = 2;
  static constexpr std::uint32_t abandoned = 3;

  RingView(os::MirroredMapping ring, std::unique_ptr<std::uint32_t[]> slots) noexcept
      : ring_(std::move(ring)), mask_(ring_.data_size() - 1), slots_(std::move(slots)) {}
  ~RingView() = default;

  static std::uint32_t lines_of(std::uint64_t size) noexcept {
    return static_cast<std::uint32_t>(shm::record_size(size) / shm::cache_line);
  }
  std::atomic_ref<std::uint32_t> slot(std::uint64_t position) const noexcept {
    return std::atomic_ref(slots_[(position & mask_) / shm::cache_line]);
  }
  void drop() noexcept;

  os::MirroredMapping ring_;
  std::uint64_t mask_;
  /// For each line at which a lent record begins: how many lines it has, and its state. Elsewhere never touched.
  std::unique_ptr<std::uint32_t[]> slots_;
  std::atomic<std::uint64_t> holders_{1};  ///< after abandon(): messages that are held
};

}  // namespace tenon
