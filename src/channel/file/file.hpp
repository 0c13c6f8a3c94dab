// The transport over plain files in a folder: file:/dir. A log of records for each direction, in segments; what
// nobody has read yet outlives both processes. docs/transports/file.md tells how and why, docs/file-format.md the
// bytes.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport file_transport;

}  // namespace tenon
