#include "channel/posix_mq/plain.hpp"

#include <tenon/os/eventfd.hpp>

#include "base/try.hpp"
#include "channel/packet_endpoint.hpp"
#include "channel/posix_mq/door.hpp"
#include "os/file_io.hpp"
#include "os/queue_port.hpp"
#include "os/queue_use.hpp"

namespace tenon {
namespace {

/// A mode bit without a meaning for queues: that a listener made this one, and may take it over and remove it.
constexpr unsigned made_by_a_listener = 01000;
constexpr int most_attempts = 100;

const char* const limit =
    "that is the size of the queue's messages, given when it was made: split the message, or let the "
    "listener "
    "ask for more with capacity= (an eighth of it, at most fs.mqueue.msgsize_max)";

/// The queue and its name, kept by the listener and by the channel that is out.
struct PlainQueue {
  PlainQueue(os::PosixQueue made, os::EventFd is_free) noexcept
      : queue(std::move(made)), free(std::move(is_free)) {
    queue.keep();
  }
  PlainQueue(const PlainQueue&) = delete;
  PlainQueue& operator=(const PlainQueue&) = delete;
  ~PlainQueue() {
    if (os::has_name(queue.fd())) static_cast<void>(os::PosixQueue::remove(queue.name()));
  }

  os::PosixQueue queue;
  os::EventFd free;  ///< readable while no channel is out
};

/// Says that the queue is free again.
class Lease {
 public:
  explicit Lease(std::shared_ptr<PlainQueue> place) noexcept : place_(std::move(place)) {}
  Lease(const Lease&) = delete;
  Lease& operator=(const Lease&) = delete;
  ~Lease() { static_cast<void>(place_->free.notify()); }

 private:
  std::shared_ptr<PlainQueue> place_;
};

Result<std::unique_ptr<Endpoint>> channel_over(const Address& address,
                                               std::shared_ptr<const os::PosixQueue> queue,
                                               const QueueOptions& options, Traits traits) {
  auto port = std::make_unique<os::QueuePort>(std::move(queue), options.priority);
  return make_packet_endpoint(address, {std::move(port), {}, limit}, traits,
                              TRY(ChannelOptions::from(address)));
}

class PlainQueueAcceptor final : public Acceptor {
 public:
  PlainQueueAcceptor(const Address& address, std::shared_ptr<PlainQueue> place, const QueueOptions& options,
                     Traits traits)
      : Acceptor(address), place_(std::move(place)), options_(options), traits_(traits) {}

  Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) override {
    if (auto free = place_->free.wait(deadline); !free)
      return std::unexpected(free.error().with("accept", address().to_string()));
    auto lease = std::make_shared<Lease>(place_);
    return channel_over(address(), {std::move(lease), &place_->queue}, options_, traits_);
  }
  Result<int> poll_fd() override { return place_->free.fd(); }

 private:
  std::shared_ptr<PlainQueue> place_;
  QueueOptions options_;
  Traits traits_;
};

/// What a listener left, with the messages that are still in it. Empty: it has gone meanwhile.
Result<std::optional<os::PosixQueue>> take_over(const std::string& place) {
  auto found = TRY(find_own_queue(place));
  if (!found) return std::nullopt;
  if ((TRY(os::facts_of_queue(found->fd())).mode & made_by_a_listener) == 0) {
    return std::unexpected(Error(
        Errc::already_exists, "listen", place,
        "another program made that queue, so it is not ours to remove in the end: connect to it instead "
        "(the command without --listen), or choose another name"));
  }
  TRY(enter_or_say_who(*found));
  if (!os::has_name(found->fd())) return std::nullopt;
  return found;
}

Result<os::PosixQueue> make_or_take_over(const std::string& place, os::PosixQueue::Size size,
                                         const NameOptions& name) {
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    auto made = os::PosixQueue::create(place, size, 0600 | made_by_a_listener);
    if (!made && made.error().code() != Errc::already_exists) return made;
    if (made && (!TRY(os::enter_queue(made->fd())) || !os::has_name(made->fd()))) continue;
    auto queue = made ? std::optional(std::move(*made)) : TRY(take_over(place));
    if (!queue) continue;
    TRY(os::hand_queue_to(queue->fd(), -1, name.group, name.mode | made_by_a_listener));
    return std::move(*queue);
  }
  return std::unexpected(
      Error(Errc::address_in_use, "listen", place, "others keep making and removing that queue"));
}

/// For both directions if the queue's mode allows it: which one it will be is not known yet.
Result<os::PosixQueue> open_as_allowed(const std::string& place) {
  using enum os::PosixQueue::Access;
  for (const auto access : {both, send}) {
    auto queue = os::PosixQueue::open(place, access, os::Trust::anyone);
    if (queue || queue.error().code() != Errc::permission_denied) return queue;
  }
  return os::PosixQueue::open(place, receive, os::Trust::anyone);
}

}  // namespace

Result<std::unique_ptr<Endpoint>> connect_plain_queue(const Address& address, const QueueOptions& options,
                                                      Traits traits) {
  const std::string text = address.to_string();
  auto queue = open_as_allowed(address.place());
  if (!queue && queue.error().code() == Errc::not_found) {
    return std::unexpected(Error(Errc::no_one_there, "connect", text,
                                 "no queue of that name: start the program that makes it, or listen there"));
  }
  if (!queue) return std::unexpected(queue.error().with("connect", text));
  const auto facts = TRY(os::facts_of_queue(queue->fd()));
  if (auto trusted = check_queue_owner(address.place(), facts.uid, options); !trusted)
    return std::unexpected(trusted.error().with("connect", text));
  if (is_queue_door(*queue)) {
    return std::unexpected(Error(Errc::protocol_violation, "connect", text,
                                 "a listener with framing=message has that name: leave framing=raw out"));
  }
  return channel_over(address, std::make_shared<os::PosixQueue>(std::move(*queue)), options, traits);
}

Result<std::unique_ptr<Acceptor>> listen_at_plain_queue(const Address& address, const QueueOptions& options,
                                                        Traits traits) {
  auto free = TRY(os::EventFd::create(1));
  auto queue = make_or_take_over(address.place(), options.size, TRY(NameOptions::from(address)));
  if (!queue) return std::unexpected(queue.error().with("listen", address.to_string()));
  auto place = std::make_shared<PlainQueue>(std::move(*queue), std::move(free));
  return std::make_unique<PlainQueueAcceptor>(address, std::move(place), options, traits);
}

}  // namespace tenon
