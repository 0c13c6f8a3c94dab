#include "channel/socket_place.hpp"

#include "base/try.hpp"
#include "os/users.hpp"

namespace tenon {
namespace {

bool is_us_or_root(const os::PeerCredentials& peer) noexcept {
  return peer.uid == os::effective_user() || peer.uid == 0;
}

Result<SocketPeer> with_credentials(os::UnixSocket socket) {
  const auto peer = TRY(socket.peer_credentials());
  return SocketPeer{std::move(socket), peer};
}

}  // namespace

Result<void> check_socket_place(const Address& address) {
  if (!address.place().empty() && address.place() != "@") return {};
  const std::string& scheme = address.scheme();
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(),
            "name the socket: " + scheme + ":/path/to/it, or " + scheme + ":@name for one without a file"));
}

Result<void> check_listener(const Address& address, const os::PeerCredentials& listener) {
  const auto owner = address.option("owner");
  if (is_us_or_root(listener) || owner == "any") return {};
  if (owner && TRY(os::user_id(std::string(*owner))) == listener.uid) return {};
  const std::string user = os::describe_user(listener.uid);
  return std::unexpected(Error(Errc::permission_denied, "connect", address.to_string(),
                               "the listener runs as " + user + ": if you trust it, add owner=" +
                                   user.substr(0, user.find(' ')) + " to the address"));
}

bool may_connect(const Address& address, const os::PeerCredentials& peer, const NameOptions& name) noexcept {
  if (!address.place().starts_with('@') || is_us_or_root(peer)) return true;
  if ((name.mode & 0002) != 0) return true;
  return (name.mode & 0020) != 0 && name.group >= 0 && peer.gid == static_cast<unsigned>(name.group);
}

Result<SocketPeer> dial_socket(const Address& address, os::SocketType type, Deadline deadline) {
  TRY(check_socket_place(address));
  auto socket = os::UnixSocket::connect(address.place(), type, deadline);
  if (!socket) return std::unexpected(socket.error().with("connect", address.to_string()));
  auto peer = TRY(with_credentials(std::move(*socket)));
  TRY(check_listener(address, peer.credentials));
  return peer;
}

Result<SocketDoor> bind_socket(const Address& address, os::SocketType type) {
  TRY(check_socket_place(address));
  const NameOptions name = TRY(NameOptions::from(address));
  auto listener =
      os::UnixListener::listen(address.place(), {.type = type, .mode = name.mode, .group = name.group});
  if (!listener) return std::unexpected(listener.error().with("listen", address.to_string()));
  const int fd = listener->fd();
  auto accept = [=, listener = std::move(*listener)](Deadline deadline) mutable -> Result<SocketPeer> {
    auto peer = TRY(with_credentials(TRY(listener.accept(deadline))));
    if (!may_connect(address, peer.credentials, name)) {
      return std::unexpected(Error(Errc::permission_denied, "accept", address.to_string()));
    }
    return peer;
  };
  return SocketDoor{fd, std::move(accept)};
}

}  // namespace tenon
