#include "channel/unix/unix.hpp"

#include <tenon/os/unix_socket.hpp>

#include "base/try.hpp"
#include "channel/stream.hpp"
#include "channel/unix/unix_options.hpp"
#include "os/limits.hpp"

namespace tenon {
namespace {

constexpr Traits framed_traits{
    {Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death, Trait::peer_credentials,
     Trait::carries_descriptors, Trait::pollable, Trait::unrelated_processes, Trait::many_peers,
     Trait::hostile_peer_safe, Trait::raw_bytes},
    default_max_message_size};

/// Datagrams keep their boundaries, and descriptors, without our help; one mailbox is one channel.
constexpr Traits plain_datagram_traits{
    {Trait::message_boundaries, Trait::lossless, Trait::carries_descriptors, Trait::pollable,
     Trait::unrelated_processes, Trait::hostile_peer_safe, Trait::raw_bytes},
    default_max_message_size};

bool is_plain_datagrams(const UnixOptions& options) noexcept {
  return options.type == os::SocketType::datagram && options.framing == Framing::raw;
}

Result<Traits> traits(const Address& address) {
  static_cast<void>(TRY(NameOptions::from(address)));
  const UnixOptions options = TRY(unix_options_of(address));
  return is_plain_datagrams(options) ? plain_datagram_traits
                                     : traits_for_framing(framed_traits, options.framing);
}

Result<StreamConnection> connection_of(const Address& address, os::UnixSocket socket,
                                       const UnixOptions& options, const os::PeerCredentials& peer) {
  TRY(set_capacity(address, socket.fd(), options));
  auto stream =
      std::make_unique<os::SocketStream>(socket.release(), options.type == os::SocketType::seqpacket);
  return StreamConnection{std::move(stream), PeerInfo{peer.pid, peer.uid, peer.gid}};
}

Result<StreamConnection> dial(const Address& address, Deadline deadline) {
  TRY(check_socket_place(address));
  const UnixOptions options = TRY(unix_options_of(address));
  if (options.type == os::SocketType::datagram) return dial_datagrams(address, options, deadline);
  auto peer = TRY(dial_socket(address, options.type, deadline));
  return connection_of(address, std::move(peer.socket), options, peer.credentials);
}

Result<std::unique_ptr<Endpoint>> connect_plain(const Address& address, Deadline deadline) {
  TRY(check_socket_place(address));
  const UnixOptions options = TRY(unix_options_of(address));
  if (!is_plain_datagrams(options)) return nullptr;
  return connect_plain_datagrams(address, options, plain_datagram_traits, deadline);
}

Result<std::unique_ptr<Acceptor>> listen_plain(const Address& address) {
  TRY(check_socket_place(address));
  const UnixOptions options = TRY(unix_options_of(address));
  if (!is_plain_datagrams(options)) return nullptr;
  return listen_plain_datagrams(address, options, plain_datagram_traits);
}

Result<StreamListener> bind(const Address& address) {
  TRY(check_socket_place(address));
  const UnixOptions options = TRY(unix_options_of(address));
  if (options.type == os::SocketType::datagram) return bind_datagrams(address, options);
  SocketDoor door = TRY(bind_socket(address, options.type));
  const int fd = door.fd;
  auto accept = [=, door = std::move(door)](Deadline deadline) mutable -> Result<StreamConnection> {
    auto peer = TRY(door.accept(deadline));
    return connection_of(address, std::move(peer.socket), options, peer.credentials);
  };
  return StreamListener{address, fd, std::move(accept)};
}

// ---- For a child

Result<ChildEnds> child_ends(const Address& address) {
  if (!address.place().empty()) return bad_address(address, "a channel to a child has no place: write unix:");
  const UnixOptions options = TRY(unix_options_of(address));
  if (options.type == os::SocketType::datagram) {
    return std::unexpected(
        Error(Errc::unsupported, "spawn", address.to_string(),
              "a child is given one socket, and type=dgram needs three: leave the type out, "
              "or use type=seqpacket"));
  }
  auto [ours, theirs] = TRY(os::UnixSocket::pair(options.type));
  TRY(os::set_nonblocking(theirs.fd(), false));
  // The credentials of a pair are those of its maker, ourselves: the child's but for the pid, which spawn() knows.
  const auto maker = TRY(ours.peer_credentials());
  auto connection = TRY(connection_of(address, std::move(ours), options, maker));
  ChildEnds ends;
  ends.ours = open_stream_to_child(address, std::move(connection), framed_traits);
  ends.theirs.push_back(theirs.release());
  return ends;
}

std::vector<std::string> limits() {
  return {
      os::limit_line("net.core.somaxconn", "connections that wait for accept"),
      os::limit_line("net.unix.max_dgram_qlen",
                     "type=dgram: requests, or plain datagrams, that wait to be taken, less one"),
      os::limit_line("net.core.wmem_default",
                     "bytes on their way in each direction, unless capacity= is given"),
      os::limit_line("net.core.wmem_max", "the largest capacity= of an ordinary user"),
  };
}

}  // namespace

const Transport unix_transport{
    .scheme = "unix",
    .mechanism = "Unix domain socket (stream, seqpacket or datagrams)",
    .place = "/path, or @name without a file",
    .options = {"type", "mode", "group", "owner", "capacity", "framing", "wait", "max-message-size",
                "require"},
    .general_traits = framed_traits,
    .traits = traits,
    .dial = dial,
    .bind = bind,
    .connect = connect_plain,
    .listen = listen_plain,
    .child_ends = child_ends,
    .limits = limits,
};

}  // namespace tenon
