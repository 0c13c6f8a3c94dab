// Channels over two regions of shared memory and two doorbells: what is common to the transports in memory. A
// transport adds rendezvous: how the two get each other's region.
#pragma once

#include <memory>
#include <optional>

#include "channel/contract.hpp"
#include "channel/options.hpp"
#include "channel/region.hpp"
#include "channel/ring_wish.hpp"

namespace tenon {

/// All that a channel is made of, once both sides have each other's region.
struct RingConnection {
  OwnRegion own;
  PeerRegion peer_region;
  std::unique_ptr<os::Doorbell> data;
  std::unique_ptr<os::Doorbell> room;
  Fences fences = Fences::on_both_sides;
  std::optional<PeerInfo> peer;
  RingStart start = {};
  std::uint64_t arena = 0;  ///< bytes of memory that each side may lend the other beside its ring
  os::Memfd::Pages pages = os::Memfd::Pages::small;  ///< of what we lend there
};

/// `traits.max_message_size` is what the peer takes. Errors: resource_limit.
Result<std::unique_ptr<Endpoint>> make_ring_endpoint(const Address& address, RingConnection connection,
                                                     Traits traits, const ChannelOptions& options);

}  // namespace tenon
