// udp: with framing=raw: datagrams as they are, with programs that know nothing of tenon.
#pragma once

#include "channel/packet_endpoint.hpp"
#include "os/udp_door.hpp"

namespace tenon {

/// Everyone who sends to the door becomes the peer of a channel of its own, with his first datagram in it.
Result<std::unique_ptr<Acceptor>> make_plain_acceptor(const Address& address, os::UdpDoor door, Traits traits,
                                                      const ChannelOptions& options, std::string limit);

}  // namespace tenon
