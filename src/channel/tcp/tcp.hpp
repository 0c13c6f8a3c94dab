// The transport over TCP: tcp:HOST:PORT. docs/transports/tcp.md.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport tcp_transport;

}  // namespace tenon
