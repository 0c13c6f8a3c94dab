// The transport shm: messages in shared memory. Who meets at a Unix socket gives each other a piece of memory
// there, and the socket stays to wake a peer that sleeps and to tell its death.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport shm_transport;

}  // namespace tenon
