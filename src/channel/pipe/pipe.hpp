// The transport over two anonymous pipes between a parent and its child: pipe:. docs/transports/pipe.md.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport pipe_transport;

}  // namespace tenon
