// udp:HOST:PORT — channels of datagrams, which may get lost: within a machine, and to other machines.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport udp_transport;

}  // namespace tenon
