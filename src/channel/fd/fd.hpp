// The transport over descriptors that are open already: fd:IN,OUT for two pipe ends, fd:N for a socket. It is
// how a child gets the channel that spawn() made, and how a program joins pipes that a shell made. A connect() that succeeds
// takes the descriptors over (under other numbers); after one that fails they are the caller's still.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport fd_transport;

}  // namespace tenon
