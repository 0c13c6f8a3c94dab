// fifo: connections over named pipes, and one plain named pipe without frames.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport fifo_transport;

}  // namespace tenon
