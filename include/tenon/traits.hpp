// What a transport promises at an address, readable by a program.
#pragma once

#include <cstdint>
#include <initializer_list>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/export.hpp>

namespace tenon {

/// A property that some transports have and others cannot have.
enum class Trait : std::uint8_t {
  message_boundaries,  ///< one send is one receive; without it (framing=raw) bytes run together
  lossless,            ///< everything sent is received, once and in order; a full channel makes send wait
  zero_copy,           ///< loan and borrow touch the memory that the peer reads: cost does not grow with size
  reports_peer_death,  ///< a peer that vanishes is told apart from one that closed
  peer_credentials,    ///< peer() knows pid, uid and gid from the kernel
  carries_descriptors,  ///< file descriptors can be sent along
  pollable,             ///< poll_fd() works
  unrelated_processes,  ///< the two need no common ancestor
  many_peers,           ///< a listener serves many channels at once
  survives_restart,     ///< unread messages outlive both processes
  crosses_hosts,        ///< the two may be on different machines
  hostile_peer_safe,    ///< a peer that breaks every rule can harm nobody but itself
  raw_bytes,  ///< can speak without frames (framing=raw, framing=lines), with programs that are not ours
};

/// Every trait, in the order above.
TENON_EXPORT const std::vector<Trait>& all_traits() noexcept;
/// "zero_copy". Static storage.
TENON_EXPORT std::string_view to_string(Trait trait) noexcept;
/// The trait of that name.
TENON_EXPORT std::optional<Trait> trait_named(std::string_view name) noexcept;

/// A set of traits. A value.
class TraitSet {
 public:
  constexpr TraitSet() noexcept = default;
  constexpr TraitSet(std::initializer_list<Trait> traits) noexcept {
    for (const Trait trait : traits) add(trait);
  }
  constexpr void add(Trait trait) noexcept { bits_ |= bit(trait); }
  constexpr void remove(Trait trait) noexcept { bits_ &= ~bit(trait); }
  constexpr bool has(Trait trait) const noexcept { return (bits_ & bit(trait)) != 0; }
  /// Those of `wanted` that are not in this set.
  constexpr TraitSet missing(TraitSet wanted) const noexcept {
    TraitSet result;
    result.bits_ = wanted.bits_ & ~bits_;
    return result;
  }
  constexpr bool empty() const noexcept { return bits_ == 0; }
  friend constexpr bool operator==(TraitSet, TraitSet) = default;

 private:
  static constexpr std::uint32_t bit(Trait trait) noexcept { return 1U << static_cast<unsigned>(trait); }
  std::uint32_t bits_ = 0;
};

/// What a channel keeps.
struct Traits {
  TraitSet set;
  std::uint64_t max_message_size = 0;  ///< bytes; beyond it send() fails with message_too_large
  /// Messages go one way only: who sends first is the sender, who receives first the receiver, for good; the
  /// other fails with unsupported. (fifo: with framing=raw or framing=lines;
  /// sysv-mq: with framing=raw unless receive-type= is given.)
  bool one_way = false;

  bool has(Trait trait) const noexcept { return set.has(trait); }
};

/// One row of the list of transports: what `tenon schemes` prints.
struct TransportInfo {
  std::string_view scheme;                ///< "unix"
  std::string_view mechanism;             ///< "Unix domain socket, stream or seqpacket"
  std::string_view place;                 ///< what the place means: "/path or @name"
  std::vector<std::string_view> options;  ///< the names that its addresses accept
  Traits traits;                          ///< with default options
  std::vector<std::string> limits;        ///< this machine's limits, read now: "net.core.somaxconn = 4096 …"
};

/// Every transport of this build, in the order of the documentation. Reads the machine's limits.
TENON_EXPORT std::vector<TransportInfo> transports();

}  // namespace tenon
