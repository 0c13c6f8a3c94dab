// sysv-mq: System V message queues between any two processes of one machine.
#pragma once

#include "channel/contract.hpp"

namespace tenon {

extern const Transport sysv_mq_transport;

}  // namespace tenon
