// The well-known queue of framing=message: where clients say which queues they have made, and a listener takes
// them up.
#pragma once

#include <memory>
#include <optional>
#include <string>

#include <tenon/os/posix_queue.hpp>

#include "channel/posix_mq/queue_options.hpp"
#include "channel/posix_mq/request.hpp"
#include "os/byte_stream.hpp"

namespace tenon {

/// Whether a queue looks like one that QueueDoor made.
bool is_queue_door(const os::PosixQueue& queue) noexcept;

/// What stands at a name that we want, if it is our own user's or root's. Errors: permission_denied.
Result<std::optional<os::PosixQueue>> find_own_queue(const std::string& place);
/// Marks it as used by us. Errors: address_in_use, with the pid of who uses it.
Result<void> enter_or_say_who(const os::PosixQueue& queue);

/// The listener's side. The name goes with it; those who still wait are told.
class QueueDoor {
 public:
  /// Makes the queue, or takes a stale one over. Errors: address_in_use (with the holder's pid), already_exists
  /// (a queue that is no listener's), permission_denied (another user's), resource_limit.
  static Result<std::unique_ptr<QueueDoor>> open(const std::string& place, const NameOptions& options);

  explicit QueueDoor(os::PosixQueue queue, os::Fd spare) noexcept
      : queue_(std::move(queue)), spare_(std::move(spare)) {}
  QueueDoor(const QueueDoor&) = delete;
  QueueDoor& operator=(const QueueDoor&) = delete;
  ~QueueDoor();

  int fd() const noexcept { return queue_.fd(); }

  /// The next client, without waiting. Errors: timed_out (there is none), resource_limit, protocol_violation or
  /// closed (what came was no request, or its sender is gone).
  Result<std::unique_ptr<os::ByteStream>> accept();

 private:
  Result<QueueRequest> next_request() const;
  Result<std::unique_ptr<os::ByteStream>> take_up(const QueueRequest& request) const;
  Result<std::unique_ptr<os::ByteStream>> take_up_or_fail(const QueueRequest& request) const;
  void refuse(const QueueRequest& request) const noexcept;

  os::PosixQueue queue_;
  os::Fd spare_;  ///< given up to be able to refuse when no descriptor is left
};

/// The client's side: makes two queues, and says so at `place`. Does not wait for the listener to take them up,
/// but for room to say it. Errors: no_one_there, permission_denied, protocol_violation (a queue that is no
/// listener's), resource_limit, timed_out, cancelled, peer_died.
Result<std::unique_ptr<os::ByteStream>> call_at_door(const std::string& place, const QueueOptions& options,
                                                     Deadline deadline);

}  // namespace tenon
