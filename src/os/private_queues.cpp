#include "os/private_queues.hpp"

#include <mqueue.h>
#include <cerrno>
#include <new>

#include "base/try.hpp"
#include "os/backoff.hpp"
#include "os/file_io.hpp"

namespace tenon::os {
namespace {

/// The one by which the two are found goes last.
void remove_names(const std::string& to_listener, const std::string& to_client) noexcept {
  if (::mq_unlink(to_listener.c_str()) == 0 || errno == ENOENT) ::mq_unlink(to_client.c_str());
}

bool enters(const PosixQueue& queue) noexcept {
  const auto entered = enter_queue(queue.fd());
  return entered && *entered;
}

/// Of a queue that is to be made: none where the name is taken.
Result<std::optional<PosixQueue>> make(const std::string& name, PosixQueue::Size size) {
  auto queue = PosixQueue::create(name, size, 0600);
  if (queue) return std::optional(std::move(*queue));
  if (queue.error().code() == Errc::already_exists) return std::nullopt;
  return std::unexpected(std::move(queue).error());
}

}  // namespace

std::string private_queue_name(const std::string& place, unsigned slot, QueueEnd end) {
  return place + ".tenon" + std::to_string(slot) + (end == QueueEnd::to_listener ? "a" : "b");
}

void remove_private_queues(const std::string& place, unsigned slot) noexcept try {
  remove_names(private_queue_name(place, slot, QueueEnd::to_listener),
               private_queue_name(place, slot, QueueEnd::to_client));
} catch (const std::bad_alloc&) {
  return;  // they are swept when the client has ended
}

void sweep_queue_slot(const std::string& place, unsigned slot) noexcept try {
  const std::string to_listener = private_queue_name(place, slot, QueueEnd::to_listener);
  const std::string to_client = private_queue_name(place, slot, QueueEnd::to_client);
  const auto client = PosixQueue::open(to_client);
  if (!client || !enters(*client) || !has_name(client->fd())) return;
  const auto listener = PosixQueue::open(to_listener);
  if (!listener && listener.error().code() != Errc::not_found) return;
  if (listener && !enters(*listener)) return;  // a listener has it, and is about to remove both names
  remove_names(to_listener, to_client);
} catch (const std::bad_alloc&) {
  return;  // whoever comes next does it
}

void sweep_queue_slots(const std::string& place) noexcept {
  for (unsigned slot = 0; slot < queue_slots; ++slot) sweep_queue_slot(place, slot);
}

PrivateQueues::PrivateQueues(std::array<std::string, 2> names, unsigned slot, PosixQueue to_listener,
                             PosixQueue to_client) noexcept
    : names_(std::move(names)),
      slot_(slot),
      to_listener_(std::move(to_listener)),
      to_client_(std::move(to_client)) {
  to_listener_.keep();
  to_client_.keep();
}

PrivateQueues::PrivateQueues(PrivateQueues&& other) noexcept
    : names_(std::move(other.names_)),
      slot_(other.slot_),
      to_listener_(std::move(other.to_listener_)),
      to_client_(std::move(other.to_client_)),
      ours_to_remove_(other.ours_to_remove_),
      named_(std::exchange(other.named_, false)) {}

Result<std::optional<PrivateQueues>> PrivateQueues::claim_slot(const std::string& place, unsigned slot,
                                                               PosixQueue::Size size) {
  std::array<std::string, 2> names{private_queue_name(place, slot, QueueEnd::to_listener),
                                   private_queue_name(place, slot, QueueEnd::to_client)};
  auto to_client = TRY(make(names[1], size));
  if (!to_client) {
    sweep_queue_slot(place, slot);
    to_client = TRY(make(names[1], size));
  }
  if (!to_client) return std::nullopt;
  if (!TRY(enter_queue(to_client->fd())) || !has_name(to_client->fd())) {
    to_client->keep();  // taken for a dead one's between the two steps, and removed
    return std::nullopt;
  }
  auto to_listener = TRY(make(names[0], size));
  if (!to_listener) return std::nullopt;
  return PrivateQueues(std::move(names), slot, std::move(*to_listener), std::move(*to_client));
}

Result<std::optional<PrivateQueues>> PrivateQueues::claim_any(const std::string& place,
                                                              PosixQueue::Size size) {
  for (unsigned slot = 0; slot < queue_slots; ++slot) {
    if (auto claimed = TRY(claim_slot(place, slot, size))) return claimed;
  }
  return std::nullopt;
}

Result<PrivateQueues> PrivateQueues::claim(const std::string& place, PosixQueue::Size size,
                                           Deadline deadline) {
  Backoff backoff(deadline);
  bool swept = false;
  for (;;) {
    auto claimed = claim_any(place, size);
    if (claimed && *claimed) return std::move(**claimed);
    if (!claimed && (claimed.error().code() != Errc::resource_limit || swept))
      return std::unexpected(std::move(claimed).error());
    swept = true;
    sweep_queue_slots(place);
    if (!claimed) continue;
    if (auto paused = backoff.pause(); !paused) {
      return std::unexpected(paused.error().with(
          "connect", place,
          "all " + std::to_string(queue_slots) + " names for the queues of those that are just connecting (" +
              private_queue_name(place, 0, QueueEnd::to_listener) + ", …) are taken"));
    }
  }
}

void PrivateQueues::taken() noexcept {
  if (std::exchange(named_, false) && ours_to_remove_) remove_names(names_[0], names_[1]);
}

void PrivateQueues::withdraw() noexcept {
  if (!std::exchange(named_, false)) return;
  // With both in use by us no listener can take them any more.
  if (enters(to_listener_) ? has_name(to_client_.fd()) : ours_to_remove_) remove_names(names_[0], names_[1]);
}

}  // namespace tenon::os
