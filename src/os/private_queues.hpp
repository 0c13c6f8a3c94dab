// The two queues of one connection, from the side that makes them until the other side has them.
//
// Queues have no listing that every program may read, so whoever looks for those that a killed process left must
// know their names: they are made from that of the queue where the two meet, and a number (a slot).
#pragma once

#include <array>
#include <string>

#include <tenon/deadline.hpp>
#include <tenon/os/posix_queue.hpp>

#include "os/queue_use.hpp"

namespace tenon::os {

/// How many may be meeting at one place at once.
inline constexpr unsigned queue_slots = 64;

enum class QueueEnd : std::uint8_t { to_listener, to_client };

/// "/jobs.tenon3a" to the listener, "/jobs.tenon3b" to the client.
std::string private_queue_name(const std::string& place, unsigned slot, QueueEnd end);
/// What a place's name may have at most, so that the names above are names.
inline constexpr std::size_t longest_queue_place = 255 - std::string_view(".tenon63a").size();

/// Removes both names, for a listener that has the queues.
void remove_private_queues(const std::string& place, unsigned slot) noexcept;
/// Removes what a process that has ended left in a slot; never what is in use, or another user's.
void sweep_queue_slot(const std::string& place, unsigned slot) noexcept;
void sweep_queue_slots(const std::string& place) noexcept;

/// A client's claim on a slot. While it holds `to_client()` in use, nobody else touches its names, but for the
/// listener, who first marks `to_listener()` as used and then removes them, if it may.
class PrivateQueues {
 public:
  /// Makes both in a free slot, 0600, and marks `to_client()` as used. Errors: timed_out (all slots are taken),
  /// cancelled, resource_limit.
  static Result<PrivateQueues> claim(const std::string& place, PosixQueue::Size size, Deadline deadline);

  PrivateQueues(PrivateQueues&& other) noexcept;
  PrivateQueues& operator=(PrivateQueues&&) = delete;
  ~PrivateQueues() { withdraw(); }

  unsigned slot() const noexcept { return slot_; }
  PosixQueue& to_listener() noexcept { return to_listener_; }
  PosixQueue& to_client() noexcept { return to_client_; }
  /// The listener's user may not remove our names: we do it, when we know that it has the queues.
  void listener_cannot_remove() noexcept { ours_to_remove_ = true; }

  /// The listener has both.
  void taken() noexcept;
  /// Removes the names, unless the listener has both by now.
  void withdraw() noexcept;

 private:
  PrivateQueues(std::array<std::string, 2> names, unsigned slot, PosixQueue to_listener,
                PosixQueue to_client) noexcept;
  static Result<std::optional<PrivateQueues>> claim_slot(const std::string& place, unsigned slot,
                                                         PosixQueue::Size size);
  static Result<std::optional<PrivateQueues>> claim_any(const std::string& place, PosixQueue::Size size);

  std::array<std::string, 2> names_;
  unsigned slot_;
  PosixQueue to_listener_;
  PosixQueue to_client_;
  bool ours_to_remove_ = false;
  bool named_ = true;
};

}  // namespace tenon::os
