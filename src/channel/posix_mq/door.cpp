#include "channel/posix_mq/door.hpp"

#include <algorithm>
#include <new>

#include "base/try.hpp"
#include "os/file_io.hpp"
#include "os/queue_stream.hpp"
#include "os/queue_use.hpp"
#include "os/users.hpp"

namespace tenon {
namespace {

/// What tells a listener's queue from any other program's: nobody else asks for messages of 37 bytes.
constexpr std::size_t door_message_size = 37;
constexpr std::size_t most_requests = 64;
constexpr int most_attempts = 100;
/// What a client's queues may cost us in memory.
constexpr std::size_t largest_chunk = 64 * 1024;
constexpr std::size_t least_chunk = 32;

bool may_remove_queues_of(unsigned owner) noexcept {
  const unsigned we = os::effective_user();
  return we == 0 || we == owner;
}

/// Removes the queue of a listener that has ended.
Result<void> take_over(const std::string& place) {
  const auto found = TRY(find_own_queue(place));
  if (!found) return {};
  if (!is_queue_door(*found)) {
    return std::unexpected(Error(Errc::already_exists, "listen", place,
                                 "no listener with framing=message made that queue (its messages have " +
                                     std::to_string(found->message_size()) +
                                     " bytes), so it stays: choose another name, or use framing=raw"));
  }
  TRY(enter_or_say_who(*found));
  if (!os::has_name(found->fd())) return {};
  auto removed = os::PosixQueue::remove(place);
  if (!removed && removed.error().code() != Errc::not_found) return removed;
  return {};
}

}  // namespace

bool is_queue_door(const os::PosixQueue& queue) noexcept {
  return queue.message_size() == door_message_size;
}

Result<std::optional<os::PosixQueue>> find_own_queue(const std::string& place) {
  auto found = os::PosixQueue::open(place);
  if (found) return std::optional(std::move(*found));
  if (found.error().code() == Errc::not_found) return std::nullopt;
  if (found.error().code() != Errc::permission_denied) return std::unexpected(std::move(found).error());
  return std::unexpected(found.error().with(
      "listen", place, "a queue of another user has that name: it stays as it is; choose another"));
}

Result<void> enter_or_say_who(const os::PosixQueue& queue) {
  if (TRY(os::enter_queue(queue.fd()))) return {};
  const auto pid = os::queue_user(queue.fd());
  return std::unexpected(Error(Errc::address_in_use, "listen", queue.name(),
                               pid ? "process " + std::to_string(*pid) + " listens there"
                                   : "a process of another pid namespace listens there"));
}

Result<std::unique_ptr<QueueDoor>> QueueDoor::open(const std::string& place, const NameOptions& options) {
  const auto limits = TRY(os::PosixQueueLimits::read());
  const os::PosixQueue::Size size{std::min(limits.messages, most_requests), door_message_size};
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    auto queue = os::PosixQueue::create(place, size, 0600);
    if (!queue) {
      if (queue.error().code() != Errc::already_exists) return std::unexpected(std::move(queue).error());
      TRY(take_over(place));
      continue;
    }
    TRY(os::hand_queue_to(queue->fd(), -1, options.group, options.mode));
    auto spare = TRY(os::duplicate(queue->fd()));
    if (!TRY(os::enter_queue(queue->fd())) || !os::has_name(queue->fd())) continue;  // taken for a stale one
    os::sweep_queue_slots(place);
    return std::make_unique<QueueDoor>(std::move(*queue), std::move(spare));
  }
  return std::unexpected(
      Error(Errc::address_in_use, "listen", place, "others keep making and removing that queue"));
}

QueueDoor::~QueueDoor() {
  if (os::has_name(queue_.fd())) static_cast<void>(os::PosixQueue::remove(queue_.name()));
  queue_.keep();
  // Whoever finds the mark gone after this knows that nobody listens; whoever called before it is told.
  os::leave_queue(queue_.fd());
  for (std::size_t i = 0; i < 2 * most_requests; ++i) {
    const auto request = next_request();
    if (request) refuse(*request);
    if (!request && request.error().code() == Errc::timed_out) break;
  }
  os::sweep_queue_slots(queue_.name());
}

Result<QueueRequest> QueueDoor::next_request() const {
  std::array<std::byte, door_message_size> buffer;
  const auto got = TRY(queue_.receive(buffer, Deadline::now()));
  const auto request = decode_queue_request(ByteView(buffer).first(got.size));
  if (request) return *request;
  return std::unexpected(Error(Errc::protocol_violation, "accept"));
}

/// The client's queues, if they are still those that it made, and it lives.
Result<std::unique_ptr<os::ByteStream>> QueueDoor::take_up(const QueueRequest& request) const {
  using enum os::QueueEnd;
  const auto open = [&](os::QueueEnd end) {
    return os::PosixQueue::open(os::private_queue_name(queue_.name(), request.slot, end),
                                os::PosixQueue::Access::both, os::Trust::anyone);
  };
  auto out = TRY(open(to_client));
  auto in = TRY(open(to_listener));
  const auto out_facts = TRY(os::facts_of_queue(out.fd()));
  const auto in_facts = TRY(os::facts_of_queue(in.fd()));
  const auto fits = [](std::size_t size) { return size >= least_chunk && size <= largest_chunk; };
  if (out_facts.inode != request.to_client || in_facts.inode != request.to_listener ||
      !fits(out.message_size()) || !fits(in.message_size())) {
    return std::unexpected(Error(Errc::protocol_violation, "accept"));
  }
  if (!TRY(os::enter_queue(in.fd()))) return std::unexpected(Error(Errc::closed, "accept"));
  if (!os::is_queue_used(out.fd()) || !os::has_name(in.fd()))
    return std::unexpected(Error(Errc::closed, "accept"));
  auto peer = TRY(os::watch_queue_user(out.fd()));
  auto stream = std::make_unique<os::QueueStream>(std::move(in), std::move(out), std::move(peer));
  if (may_remove_queues_of(out_facts.uid)) os::remove_private_queues(queue_.name(), request.slot);
  return stream;
}

Result<std::unique_ptr<os::ByteStream>> QueueDoor::take_up_or_fail(const QueueRequest& request) const try {
  return take_up(request);
} catch (const std::bad_alloc&) {
  return std::unexpected(Error(Errc::resource_limit, "accept"));
}

Result<std::unique_ptr<os::ByteStream>> QueueDoor::accept() {
  const QueueRequest request = TRY(next_request());
  auto stream = take_up_or_fail(request);
  if (stream) return stream;
  if (stream.error().code() == Errc::closed) {
    os::sweep_queue_slot(queue_.name(), request.slot);
    return stream;
  }
  spare_.reset();
  refuse(request);
  if (auto spare = os::duplicate(queue_.fd())) spare_ = std::move(*spare);
  return stream;
}

/// The client reads the end, and removes its queues.
void QueueDoor::refuse(const QueueRequest& request) const noexcept try {
  const auto client =
      os::PosixQueue::open(os::private_queue_name(queue_.name(), request.slot, os::QueueEnd::to_client),
                           os::PosixQueue::Access::send, os::Trust::anyone);
  if (!client) return;
  const auto facts = os::facts_of_queue(client->fd());
  if (facts && facts->inode == request.to_client) static_cast<void>(client->send({}, 0, Deadline::now()));
} catch (const std::bad_alloc&) {
  return;  // its deadline tells it
}

}  // namespace tenon
