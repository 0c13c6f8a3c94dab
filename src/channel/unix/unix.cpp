#include "channel/unix/unix.hpp"

#include <tenon/os/unix_socket.hpp>
#include <tenon/units.hpp>

#include "base/try.hpp"
#include "channel/stream.hpp"
#include "os/limits.hpp"
#include "os/users.hpp"
#include "wire/frame.hpp"

namespace tenon {
namespace {

constexpr Traits framed_traits{
    {Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death, Trait::peer_credentials,
     Trait::carries_descriptors, Trait::pollable, Trait::unrelated_processes, Trait::many_peers,
     Trait::hostile_peer_safe, Trait::raw_bytes},
    default_max_message_size};

struct UnixOptions {
  os::SocketType type = os::SocketType::stream;
  std::optional<std::size_t> capacity;
  std::optional<std::string>
      owner;  ///< whose listener we are ready to talk to, besides our own user's and root's
  Framing framing = Framing::message;
};

std::unexpected<Error> bad(const Address& address, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
}

Result<UnixOptions> options_of(const Address& address) {
  UnixOptions options;
  options.framing = TRY(ChannelOptions::from(address)).framing;
  if (const auto type = address.option("type")) {
    if (*type == "seqpacket")
      options.type = os::SocketType::seqpacket;
    else if (*type != "stream")
      return bad(address, "type=" + std::string(*type) + ": it is stream or seqpacket");
  }
  if (options.type == os::SocketType::seqpacket && options.framing != Framing::message) {
    return bad(address, "framing=lines and framing=raw need a stream of bytes: leave type=seqpacket out");
  }
  if (const auto capacity = address.option("capacity")) {
    const auto size = parse_size(*capacity);
    if (!size) return bad(address, "capacity: " + std::string(size.error().advice()));
    // The largest frame must fit into the buffer: packets go whole or not at all.
    if (options.type == os::SocketType::seqpacket && *size < 2 * wire::max_chunk) {
      return bad(address, "capacity: type=seqpacket needs at least 128K");
    }
    options.capacity = *size;
  }
  if (const auto owner = address.option("owner")) options.owner = std::string(*owner);
  return options;
}

Result<void> check_place(const Address& address) {
  if (!address.place().empty() && address.place() != "@") return {};
  return bad(address, "name the socket: unix:/path/to/it, or unix:@name for one without a file");
}

bool is_abstract(const Address& address) noexcept {
  return address.place().starts_with('@');
}

bool is_us_or_root(const os::PeerCredentials& peer) noexcept {
  return peer.uid == os::effective_user() || peer.uid == 0;
}

Result<Traits> traits(const Address& address) {
  static_cast<void>(TRY(NameOptions::from(address)));
  return traits_for_framing(framed_traits, TRY(options_of(address)).framing);
}

Result<StreamConnection> connection_of(const Address& address, os::UnixSocket socket,
                                       const UnixOptions& options, const os::PeerCredentials& peer) {
  if (options.capacity) {
    if (auto set = os::set_send_buffer(socket.fd(), *options.capacity); !set) {
      return std::unexpected(set.error().with("set capacity of", address.to_string()));
    }
  }
  auto stream =
      std::make_unique<os::SocketStream>(socket.release(), options.type == os::SocketType::seqpacket);
  return StreamConnection{std::move(stream), PeerInfo{peer.pid, peer.uid, peer.gid}};
}

// ---- Connecting

/// A place in a folder that others may write to could be anyone's: the kernel tells whose listener answered.
Result<void> check_owner(const Address& address, const os::PeerCredentials& listener,
                         const UnixOptions& options) {
  if (is_us_or_root(listener) || options.owner == "any") return {};
  if (options.owner && TRY(os::user_id(*options.owner)) == listener.uid) return {};
  const std::string user = os::describe_user(listener.uid);
  return std::unexpected(Error(Errc::permission_denied, "connect", address.to_string(),
                               "the listener runs as " + user + ": if you trust it, add owner=" +
                                   user.substr(0, user.find(' ')) + " to the address"));
}

Result<StreamConnection> dial(const Address& address, Deadline deadline) {
  TRY(check_place(address));
  const UnixOptions options = TRY(options_of(address));
  auto socket = os::UnixSocket::connect(address.place(), options.type, deadline);
  if (!socket) return std::unexpected(socket.error().with("connect", address.to_string()));
  const auto peer = TRY(socket->peer_credentials());
  TRY(check_owner(address, peer, options));
  return connection_of(address, std::move(*socket), options, peer);
}

// ---- Listening

/// An abstract name has no mode: what mode= and group= would have allowed is checked here.
bool may_connect(const os::PeerCredentials& peer, const NameOptions& name) noexcept {
  if (is_us_or_root(peer)) return true;
  if ((name.mode & 0002) != 0) return true;
  return (name.mode & 0020) != 0 && name.group >= 0 && peer.gid == static_cast<unsigned>(name.group);
}

Result<StreamListener> bind(const Address& address) {
  TRY(check_place(address));
  const UnixOptions options = TRY(options_of(address));
  const NameOptions name = TRY(NameOptions::from(address));
  auto listener = os::UnixListener::listen(address.place(),
                                           {.type = options.type, .mode = name.mode, .group = name.group});
  if (!listener) return std::unexpected(listener.error().with("listen", address.to_string()));
  const int fd = listener->fd();
  const bool check_peer = is_abstract(address);
  auto accept = [=, listener = std::move(*listener)](Deadline deadline) mutable -> Result<StreamConnection> {
    auto socket = TRY(listener.accept(deadline));
    const auto peer = TRY(socket.peer_credentials());
    if (check_peer && !may_connect(peer, name)) {
      return std::unexpected(Error(Errc::permission_denied, "accept", address.to_string()));
    }
    return connection_of(address, std::move(socket), options, peer);
  };
  return StreamListener{address, fd, std::move(accept)};
}

// ---- For a child

Result<ChildEnds> child_ends(const Address& address) {
  if (!address.place().empty()) return bad(address, "a channel to a child has no place: write unix:");
  const UnixOptions options = TRY(options_of(address));
  auto [ours, theirs] = TRY(os::UnixSocket::pair(options.type));
  TRY(os::set_nonblocking(theirs.fd(), false));
  // The credentials of a pair are those of its maker, ourselves: the child's but for the pid, which spawn() knows.
  const auto maker = TRY(ours.peer_credentials());
  ChildEnds ends{TRY(connection_of(address, std::move(ours), options, maker)), {}};
  ends.theirs.push_back(theirs.release());
  return ends;
}

std::vector<std::string> limits() {
  return {
      os::limit_line("net.core.somaxconn", "connections that wait for accept"),
      os::limit_line("net.core.wmem_default",
                     "bytes on their way in each direction, unless capacity= is given"),
      os::limit_line("net.core.wmem_max", "the largest capacity= of an ordinary user"),
  };
}

}  // namespace

const Transport unix_transport{
    .scheme = "unix",
    .mechanism = "Unix domain socket (stream or seqpacket)",
    .place = "/path, or @name without a file",
    .options = {"type", "mode", "group", "owner", "capacity", "framing", "wait", "max-message-size",
                "require"},
    .general_traits = framed_traits,
    .traits = traits,
    .dial = dial,
    .bind = bind,
    .child_ends = child_ends,
    .limits = limits,
};

}  // namespace tenon
