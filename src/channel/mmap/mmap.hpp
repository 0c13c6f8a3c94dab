// The transport mmap: messages in a mapped file. Who shares nothing but a file meets in it, and what nobody has read
// outlives both.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport mmap_transport;

}  // namespace tenon
