// The transport over Unix domain sockets: unix:/path and unix:@name. docs/transports/unix.md.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport unix_transport;

}  // namespace tenon
