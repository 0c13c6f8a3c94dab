#include "channel/posix_mq/posix_mq.hpp"

#include <tenon/os/posix_queue.hpp>

#include "base/try.hpp"
#include "channel/posix_mq/door.hpp"
#include "channel/posix_mq/plain.hpp"
#include "channel/stream.hpp"
#include "os/limits.hpp"

namespace tenon {
namespace {

constexpr Traits framed_traits{
    {Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death, Trait::pollable,
     Trait::unrelated_processes, Trait::many_peers, Trait::hostile_peer_safe, Trait::raw_bytes},
    default_max_message_size};

constexpr Traits plain_traits{{Trait::message_boundaries, Trait::lossless, Trait::pollable,
                               Trait::unrelated_processes, Trait::raw_bytes},
                              0,
                              true};

constexpr unsigned others_read = 0044;  // who reads the requests of others keeps them from us

Result<Traits> traits(const Address& address) {
  const QueueOptions options = TRY(QueueOptions::from(address));
  if (options.framing == Framing::message) return framed_traits;
  Traits kept = plain_traits;
  kept.max_message_size = options.size.message_size;
  return kept;
}

Result<StreamConnection> dial(const Address& address, Deadline deadline) {
  TRY(check_queue_place(address));
  auto stream = call_at_door(address.place(), TRY(QueueOptions::from(address)), deadline);
  if (!stream) return std::unexpected(stream.error().with("connect", address.to_string()));
  return StreamConnection{std::move(*stream), std::nullopt};
}

Result<StreamListener> bind(const Address& address) {
  TRY(check_queue_place(address));
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

Result<std::unique_ptr<Endpoint>> connect_plain(const Address& address, Deadline) {
  const QueueOptions options = TRY(QueueOptions::from(address));
  if (options.framing == Framing::message) return nullptr;
  TRY(check_queue_place(address));
  return connect_plain_queue(address, options, plain_traits);
}

Result<std::unique_ptr<Acceptor>> listen_plain(const Address& address) {
  const QueueOptions options = TRY(QueueOptions::from(address));
  if (options.framing == Framing::message) return nullptr;
  TRY(check_queue_place(address));
  return listen_at_plain_queue(address, options, plain_traits);
}

std::vector<std::string> limits() {
  const auto found = os::PosixQueueLimits::read();
  return {
      os::limit_line("fs.mqueue.msg_max", "messages in one queue"),
      os::limit_line("fs.mqueue.msgsize_max", "bytes of one of them; longer messages travel in pieces"),
      os::limit_line("fs.mqueue.queues_max", "queues on the machine; two for each connection"),
      "RLIMIT_MSGQUEUE = " + (found ? std::to_string(found->user_bytes) : std::string("not readable")) +
          " (bytes of all queues of this user, full or empty; " +
          std::to_string(2 * os::PosixQueueLimits::bytes_taken(default_private_queue.max_messages,
                                                               default_private_queue.message_size)) +
          " for each connection that it makes, unless capacity= is given)",
  };
}

}  // namespace

const Transport posix_mq_transport{
    .scheme = "posix-mq",
    .mechanism = "POSIX message queues",
    .place = "/name",
    .options = {"mode", "group", "owner", "capacity", "priority", "framing", "wait", "max-message-size",
                "require"},
    .general_traits = framed_traits,
    .traits = traits,
    .dial = dial,
    .bind = bind,
    .connect = connect_plain,
    .listen = listen_plain,
    .limits = limits,
};

}  // namespace tenon
