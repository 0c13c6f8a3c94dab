// Who uses a POSIX message queue, as the kernel knows it: a queue has no connections and no end, but its
// descriptor takes locks, and those go with the last descriptor of their opening, however its process ends.
//
// fcntl(2), F_OFD_SETLK. Each user of a queue locks it from byte 0 on, so that there is one at a time, and
// locks as many bytes as say who it is: whoever asks for the lock in the way learns that too, without taking
// anything. The bytes need not exist.
#pragma once

#include <cstdint>
#include <optional>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// Marks the queue as used through this opening. False: another opening is in use already.
/// Errors: resource_limit (no memory for a lock).
Result<bool> enter_queue(int queue);
void leave_queue(int queue) noexcept;
/// Whether another opening than this one is in use.
bool is_queue_used(int queue) noexcept;

/// The process that called enter_queue() through another opening, if it is known here.
std::optional<int> queue_user(int queue) noexcept;
/// A descriptor that becomes readable when that process ends (pidfd_open(2)). None where it is not known: it has
/// ended, or lives in another pid namespace. Errors: resource_limit.
Result<Fd> watch_queue_user(int queue);
/// Whether the process behind watch_queue_user() has ended. False for none.
bool has_ended(const Fd& watched) noexcept;

/// What fstat(2) says of a queue.
struct QueueFacts {
  std::uint64_t inode;  ///< never used twice, as long as the machine runs and less than 2^32 others were made
  unsigned uid;
  unsigned gid;
  unsigned mode;  ///< without the type
};
Result<QueueFacts> facts_of_queue(int queue);

/// Gives the queue to a user, or a group, and exactly that mode. -1 leaves user or group as they are.
/// Errors: permission_denied.
Result<void> hand_queue_to(int queue, int uid, int gid, unsigned mode);

}  // namespace tenon::os
