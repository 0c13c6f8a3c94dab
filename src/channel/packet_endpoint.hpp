// A channel over packets: one send is one packet, one packet is one message. For framing=raw over datagram
// sockets and message queues; and, over a port that numbers its packets, for udp:.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include "channel/contract.hpp"
#include "channel/options.hpp"
#include "os/packet_port.hpp"

namespace tenon {

/// A port to a peer, and what the mechanism knows of that peer.
struct PacketConnection {
  std::unique_ptr<os::PacketPort> port;
  std::optional<PeerInfo> peer;
  std::string limit;  ///< what bounds a packet and what to do, after "…, the maximum is N: "
};

/// `traits.max_message_size` becomes the port's max_packet().
std::unique_ptr<Endpoint> make_packet_endpoint(const Address& address, PacketConnection connection,
                                               Traits traits, const ChannelOptions& options);

}  // namespace tenon
