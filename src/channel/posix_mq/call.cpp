// The client's side of the well-known queue.
#include "base/try.hpp"
#include "channel/posix_mq/door.hpp"
#include "os/queue_stream.hpp"
#include "os/queue_use.hpp"
#include "os/users.hpp"
#include "os/wait.hpp"

namespace tenon {
namespace {

std::unexpected<Error> refuse(Errc code, const std::string& place, std::string advice) {
  return std::unexpected(Error(code, "connect", place, std::move(advice)));
}

Result<os::PosixQueue> find_door(const std::string& place, const QueueOptions& options) {
  auto door = os::PosixQueue::open(place, os::PosixQueue::Access::send, os::Trust::anyone);
  if (!door) {
    if (door.error().code() == Errc::not_found)
      return refuse(Errc::no_one_there, place, "no queue of that name: start the listener first");
    if (door.error().code() == Errc::permission_denied) {
      return refuse(
          Errc::permission_denied, place,
          "the queue's mode keeps this user out: its listener may let more in with mode= and group=");
    }
    return std::unexpected(std::move(door).error());
  }
  TRY(check_queue_owner(place, TRY(os::facts_of_queue(door->fd())).uid, options));
  if (!is_queue_door(*door)) {
    return refuse(Errc::protocol_violation, place,
                  "no listener with framing=message made that queue (its messages have " +
                      std::to_string(door->message_size()) + " bytes): framing=raw talks through it");
  }
  if (!os::is_queue_used(door->fd())) {
    return refuse(Errc::no_one_there, place,
                  "its listener has ended without removing the queue: start the listener");
  }
  return door;
}

/// The listener must be able to open our queues, and nobody else.
Result<void> let_in(const std::string& place, const os::QueueFacts& door, os::PrivateQueues& queues) {
  const unsigned we = os::effective_user();
  if (door.uid == we || door.uid == 0) return {};
  int uid = -1;
  int gid = -1;
  unsigned mode = 0600;
  if (we == 0) {
    uid = static_cast<int>(door.uid);
  } else if ((door.mode & 0020) != 0) {
    gid = static_cast<int>(door.gid);
    mode = 0660;
    queues.listener_cannot_remove();
  } else {
    return refuse(
        Errc::permission_denied, place,
        "the listener is another user, who could open our queues only if everyone could: let it listen "
        "with group= of a group that both are in, and mode=0660");
  }
  for (const int queue : {queues.to_listener().fd(), queues.to_client().fd()}) {
    if (!os::hand_queue_to(queue, uid, gid, mode)) {
      return refuse(Errc::permission_denied, place,
                    "this user is not in the group of the listener's queue (gid " + std::to_string(door.gid) +
                        "), so the listener could not open ours");
    }
  }
  return {};
}

/// Waits for room while the listener lives.
Result<void> put_request(const os::PosixQueue& door, const os::Fd& listener, const QueueRequest& request,
                         Deadline deadline) {
  const auto bytes = encode(request);
  for (;;) {
    const auto sent = door.send(bytes, 0, Deadline::now());
    if (sent) return {};
    if (sent.error().code() != Errc::timed_out) return std::unexpected(sent.error());
    if (!os::is_queue_used(door.fd()))
      return refuse(Errc::no_one_there, door.name(), "the listener ended before it took this connection");
    const Deadline patience = listener ? deadline : deadline.or_earlier(Deadline::in(os::queue_look_time));
    auto woken = os::wait_for_either(door.fd(), os::Wait::writable, listener.get(), patience);
    if (!woken && (woken.error().code() != Errc::timed_out || deadline.expired())) {
      return std::unexpected(woken.error().with(
          "connect", door.name(), "the listener has a full queue of connections and takes none"));
    }
  }
}

}  // namespace

Result<std::unique_ptr<os::ByteStream>> call_at_door(const std::string& place, const QueueOptions& options,
                                                     Deadline deadline) {
  auto door = TRY(find_door(place, options));
  auto listener = TRY(os::watch_queue_user(door.fd()));
  auto queues = TRY(os::PrivateQueues::claim(place, options.size, deadline));
  TRY(let_in(place, TRY(os::facts_of_queue(door.fd())), queues));
  const QueueRequest request{queues.slot(), TRY(os::facts_of_queue(queues.to_listener().fd())).inode,
                             TRY(os::facts_of_queue(queues.to_client().fd())).inode};
  TRY(put_request(door, listener, request, deadline));
  return std::make_unique<os::QueueStream>(std::move(queues), std::move(door), std::move(listener));
}

}  // namespace tenon
