#include "channel/sysv_mq/sysv_mq.hpp"

#include <algorithm>

#include <tenon/os/sysv_queue.hpp>
#include <tenon/os/unix_socket.hpp>

#include "base/try.hpp"
#include "channel/stream.hpp"
#include "channel/sysv_mq/plain.hpp"
#include "channel/sysv_mq/queue_stream.hpp"
#include "os/limits.hpp"

namespace tenon {
namespace {

using namespace sysv_mq;

constexpr Traits framed_traits{{Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death,
                                Trait::peer_credentials, Trait::pollable, Trait::unrelated_processes,
                                Trait::many_peers, Trait::hostile_peer_safe, Trait::raw_bytes},
                               default_max_message_size};

constexpr TraitSet plain_traits{Trait::message_boundaries, Trait::lossless, Trait::unrelated_processes,
                                Trait::raw_bytes};

Result<Traits> traits(const Address& address) {
  static_cast<void>(TRY(NameOptions::from(address)));
  const SysvOptions options = TRY(sysv_options_of(address));
  if (options.framing == Framing::message) return framed_traits;
  const auto limits = TRY(os::SysvQueueLimits::read());
  Traits kept{plain_traits, std::min(limits.message_size, limits.queue_bytes)};
  kept.one_way = options.types.one_way;
  return kept;
}

/// A place that some program made for ftok(3) is not ours to take.
Error explain(const Error& error, std::string_view operation, const Address& address) {
  if (error.code() != Errc::already_exists && error.code() != Errc::invalid_argument)
    return error.with(operation, address.to_string());
  return error.with(operation, address.to_string(),
                    std::string(error.advice()) +
                        " (if a program computes its key from this file, speak with it by framing=raw)");
}

// ---- Connecting

Result<StreamConnection> meet(const Address& address, const SysvOptions& options, os::UnixSocket socket) {
  const auto listener = TRY(socket.peer_credentials());
  if (!TRY(is_trusted(listener.uid, options))) {
    return std::unexpected(Error(Errc::permission_denied, "connect", address.to_string(),
                                 "the listener runs as " + how_to_trust(listener.uid)));
  }
  auto out = TRY(os::PrivateQueue::create(listener.uid, options.capacity));
  auto in = TRY(os::PrivateQueue::create(listener.uid, {}));
  auto page = TRY(os::QueueBell::make_page());
  const auto opening = encode({static_cast<std::uint32_t>(options.project),
                               static_cast<std::uint32_t>(out.id()), static_cast<std::uint32_t>(in.id())});
  const int descriptor = page.memory.fd().get();
  auto sent = socket.send_with_descriptors(opening, {&descriptor, 1}, Deadline::now());
  if (!sent && sent.error().code() == Errc::closed)
    return std::unexpected(
        Error(Errc::no_one_there, "connect", address.to_string(), "the listener has just gone"));
  if (!sent) return std::unexpected(std::move(sent).error());
  os::QueueBell bell(socket.release(), std::move(page.mapping));
  auto stream = std::make_unique<QueueStream>(Line{std::move(bell), std::move(out), std::move(in)});
  return StreamConnection{std::move(stream), PeerInfo{listener.pid, listener.uid, listener.gid}};
}

Result<StreamConnection> dial(const Address& address, Deadline deadline) {
  const SysvOptions options = TRY(sysv_options_of(address));
  auto socket = os::UnixSocket::connect(address.place(), os::SocketType::stream, deadline);
  if (!socket) return std::unexpected(explain(socket.error(), "connect", address));
  auto met = meet(address, options, std::move(*socket));
  if (!met) return std::unexpected(met.error().with("connect", address.to_string()));
  return met;
}

// ---- Listening

/// That queues of our own can have this size, before the first client comes.
Result<void> check_capacity(const SysvOptions& options) {
  if (!options.capacity) return {};
  return TRY(os::SysvQueue::create(os::SysvKey::make_private())).set_max_bytes(*options.capacity);
}

Result<StreamListener> bind(const Address& address) {
  const SysvOptions options = TRY(sysv_options_of(address));
  const NameOptions name = TRY(NameOptions::from(address));
  os::PrivateQueue::remove_orphans();
  if (auto possible = check_capacity(options); !possible)
    return std::unexpected(possible.error().with("listen", address.to_string()));
  auto listener = os::UnixListener::listen(address.place(), {.mode = name.mode, .group = name.group});
  if (!listener) return std::unexpected(explain(listener.error(), "listen", address));
  const int fd = listener->fd();
  auto accept = [=, listener = std::move(*listener)](Deadline deadline) mutable -> Result<StreamConnection> {
    auto socket = TRY(listener.accept(deadline));
    const auto peer = TRY(socket.peer_credentials());
    auto stream = std::make_unique<QueueStream>(QueueStream::Expected{
        socket.release(), peer.uid, static_cast<std::uint32_t>(options.project), options.capacity});
    return StreamConnection{std::move(stream), PeerInfo{peer.pid, peer.uid, peer.gid}};
  };
  return StreamListener{address, fd, std::move(accept)};
}

// ---- One queue, without frames

Result<std::unique_ptr<Endpoint>> connect_raw(const Address& address, Deadline) {
  const SysvOptions options = TRY(sysv_options_of(address));
  if (options.framing == Framing::message) return nullptr;
  return connect_plain(address, options, TRY(traits(address)));
}

Result<std::unique_ptr<Acceptor>> listen_raw(const Address& address) {
  const SysvOptions options = TRY(sysv_options_of(address));
  if (options.framing == Framing::message) return nullptr;
  return listen_plain(address, options, TRY(traits(address)));
}

std::vector<std::string> limits() {
  return {
      os::limit_line("kernel.msgmax", "the largest piece that travels at once"),
      os::limit_line("kernel.msgmnb",
                     "bytes on their way in each direction; the largest capacity= of an ordinary user"),
      os::limit_line("kernel.msgmni", "queues on this machine; a connection has two"),
      os::limit_line("net.core.somaxconn", "connections that wait for accept"),
  };
}

}  // namespace

const Transport sysv_mq_transport{
    .scheme = "sysv-mq",
    .mechanism = "System V message queues",
    .place = "/path",
    .options = {"project", "type", "receive-type", "mode", "group", "owner", "capacity", "framing", "wait",
                "max-message-size", "require"},
    .general_traits = framed_traits,
    .traits = traits,
    .dial = dial,
    .bind = bind,
    .connect = connect_raw,
    .listen = listen_raw,
    .limits = limits,
};

}  // namespace tenon
