// The transport over descriptors that are open already: fd:IN,OUT for two pipe ends, fd:N for a socket. It is
// how a child gets the channel that spawn() made, and how a program joins pipes that a shell made.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport fd_transport;

}  // namespace tenon
