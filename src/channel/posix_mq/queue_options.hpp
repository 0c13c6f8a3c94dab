// What an address with posix-mq: may say.
#pragma once

#include <optional>
#include <string>

#include <tenon/os/posix_queue.hpp>

#include "channel/options.hpp"

namespace tenon {

struct QueueOptions {
  Framing framing = Framing::message;
  os::PosixQueue::Size size;         ///< of the queues that we make
  std::optional<std::string> owner;  ///< whose queue is trusted besides our own user's and root's
  unsigned priority = 0;             ///< of what we send, with framing=raw

  /// Errors: invalid_argument; those of reading the machine's limits.
  static Result<QueueOptions> from(const Address& address);
};

/// The queues of a connection, unless capacity= says otherwise.
inline constexpr os::PosixQueue::Size default_private_queue{.max_messages = 10, .message_size = 1536};

/// That the place names a queue. Errors: invalid_argument.
Result<void> check_queue_place(const Address& address);

/// Anyone could have been first at a name: whose queue it is must be trusted. Errors: permission_denied.
Result<void> check_queue_owner(const std::string& place, unsigned uid, const QueueOptions& options);

}  // namespace tenon
