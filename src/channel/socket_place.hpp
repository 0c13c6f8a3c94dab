// Meeting at a Unix socket: what the transports that do so have in common. Whose listener it is, and who may
// connect, is decided here (docs/transports/unix.md).
#pragma once

#include <functional>

#include <tenon/os/unix_socket.hpp>

#include "channel/contract.hpp"
#include "channel/options.hpp"

namespace tenon {

struct SocketPeer {
  os::UnixSocket socket;
  os::PeerCredentials credentials;
};

struct SocketDoor {
  int fd = -1;  ///< readable when accept() may have something to do
  /// The next peer. Errors: timed_out, cancelled, permission_denied (refused), resource_limit.
  std::move_only_function<Result<SocketPeer>(Deadline)> accept;
};

/// Errors: invalid_argument when the address names no socket.
Result<void> check_socket_place(const Address& address);
/// The listener's user must be ours, root, or whom owner= names.
Result<SocketPeer> dial_socket(const Address& address, os::SocketType type, Deadline deadline);
/// As mode= and group= say.
Result<SocketDoor> bind_socket(const Address& address, os::SocketType type);

/// A place in a folder that others may write to could be anyone's: the kernel tells whose listener answered.
/// Errors: permission_denied.
Result<void> check_listener(const Address& address, const os::PeerCredentials& listener);
/// An abstract name has no mode: what mode= and group= would have allowed is checked when someone comes.
bool may_connect(const Address& address, const os::PeerCredentials& peer, const NameOptions& name) noexcept;

}  // namespace tenon
