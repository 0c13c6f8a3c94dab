// framing=raw: one plain queue, shared with any other program.
#pragma once

#include "channel/contract.hpp"
#include "channel/posix_mq/queue_options.hpp"

namespace tenon {

/// A channel through a queue that is there. Errors: no_one_there, permission_denied, protocol_violation (it is
/// the queue of a listener with frames).
Result<std::unique_ptr<Endpoint>> connect_plain_queue(const Address& address, const QueueOptions& options,
                                                      Traits traits);

/// Makes the queue, or takes over one that a listener left; removes it in the end. One channel at a time.
/// Errors: address_in_use (with the holder's pid), already_exists (no listener made it), permission_denied,
/// resource_limit.
Result<std::unique_ptr<Acceptor>> listen_at_plain_queue(const Address& address, const QueueOptions& options,
                                                        Traits traits);

}  // namespace tenon
