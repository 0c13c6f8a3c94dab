// posix-mq: channels over POSIX message queues, mq_overview(7).
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport posix_mq_transport;

}  // namespace tenon
