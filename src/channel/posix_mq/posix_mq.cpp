#include "channel/posix_mq/posix_mq.hpp"

#include <algorithm>

#include <tenon/os/posix_queue.hpp>
#include <tenon/units.hpp>

#include "base/try.hpp"
#include "channel/posix_mq/door.hpp"
#include "channel/stream.hpp"
#include "os/limits.hpp"
#include "os/private_queues.hpp"

namespace tenon {
namespace {

constexpr Traits framed_traits{
    {Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death, Trait::pollable,
     Trait::unrelated_processes, Trait::many_peers, Trait::hostile_peer_safe, Trait::raw_bytes},
    default_max_message_size};

constexpr os::PosixQueue::Size default_size{.max_messages = 10, .message_size = 1536};
constexpr unsigned others_read = 0044;  // who reads the requests of others keeps them from us
constexpr std::size_t least_capacity = 1024;
constexpr std::size_t largest_message =
    64 * 1024;  // what a listener accepts, however far the limits were raised

std::unexpected<Error> bad(const Address& address, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
}

Result<void> check_place(const Address& address) {
  const std::string& place = address.place();
  const bool named = place.size() >= 2 && place.starts_with('/') && place.find('/', 1) == std::string::npos;
  if (named && place.size() <= os::longest_queue_place) return {};
  return bad(address, "a queue's name is a slash and 1 to " + std::to_string(os::longest_queue_place - 1) +
                          " more characters, none of them a slash: posix-mq:/jobs");
}

Result<void> check_framing(const Address& address) {
  if (TRY(ChannelOptions::from(address)).framing == Framing::message) return {};
  return bad(address, "a queue has no stream for framing=lines or framing=raw: use framing=message");
}

/// Queues that hold `capacity=` bytes, in messages as long as the machine allows, but several of them.
Result<os::PosixQueue::Size> size_of(const Address& address) {
  const auto limits = TRY(os::PosixQueueLimits::read());
  const auto option = address.option("capacity");
  if (!option) {
    return os::PosixQueue::Size{std::min(default_size.max_messages, limits.messages),
                                std::min(default_size.message_size, limits.message_size)};
  }
  const auto capacity = parse_size(*option);
  if (!capacity) return bad(address, "capacity: " + std::string(capacity.error().advice()));
  if (*capacity < least_capacity) return bad(address, "capacity: at least 1K");
  const std::size_t longest = std::min(limits.message_size, largest_message);
  const std::size_t message = std::min(longest, *capacity / 8);
  return os::PosixQueue::Size{(*capacity + message - 1) / message, message};
}

Result<Traits> traits(const Address& address) {
  static_cast<void>(TRY(NameOptions::from(address)));
  TRY(check_framing(address));
  return traits_for_framing(framed_traits, TRY(ChannelOptions::from(address)).framing);
}

Result<StreamConnection> dial(const Address& address, Deadline deadline) {
  TRY(check_place(address));
  QueueCall call{TRY(size_of(address)), {}};
  if (const auto owner = address.option("owner")) call.owner = std::string(*owner);
  auto stream = call_at_door(address.place(), call, deadline);
  if (!stream) return std::unexpected(stream.error().with("connect", address.to_string()));
  return StreamConnection{std::move(*stream), std::nullopt};
}

Result<StreamListener> bind(const Address& address) {
  TRY(check_place(address));
  NameOptions name = TRY(NameOptions::from(address));
  name.mode &= ~others_read;
  auto door = QueueDoor::open(address.place(), name);
  if (!door) return std::unexpected(door.error().with("listen", address.to_string()));
  const int fd = (*door)->fd();
  auto accept = [door = std::move(*door)](Deadline) -> Result<StreamConnection> {
    return StreamConnection{TRY(door->accept()), std::nullopt};
  };
  return StreamListener{address, fd, std::move(accept)};
}

std::vector<std::string> limits() {
  const auto found = os::PosixQueueLimits::read();
  return {
      os::limit_line("fs.mqueue.msg_max", "messages in one queue"),
      os::limit_line("fs.mqueue.msgsize_max", "bytes of one of them; longer messages travel in pieces"),
      os::limit_line("fs.mqueue.queues_max", "queues on the machine; two for each connection"),
      "RLIMIT_MSGQUEUE = " + (found ? std::to_string(found->user_bytes) : std::string("not readable")) +
          " (bytes of all queues of this user, full or empty; " +
          std::to_string(
              2 * os::PosixQueueLimits::bytes_taken(default_size.max_messages, default_size.message_size)) +
          " for each connection that it makes, unless capacity= is given)",
  };
}

}  // namespace

const Transport posix_mq_transport{
    .scheme = "posix-mq",
    .mechanism = "POSIX message queues",
    .place = "/name",
    .options = {"mode", "group", "owner", "capacity", "framing", "wait", "max-message-size", "require"},
    .general_traits = framed_traits,
    .traits = traits,
    .dial = dial,
    .bind = bind,
    .limits = limits,
};

}  // namespace tenon
