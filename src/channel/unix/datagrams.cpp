// unix: with type=dgram. The request and the answer at the door say no more than a hello; the hellos that count
// are those of the stream that follows.
#include "base/try.hpp"
#include "channel/unix/unix_options.hpp"
#include "os/datagram_door.hpp"
#include "wire/hello.hpp"

namespace tenon {
namespace {

static_assert(wire::hello_size <= os::DoorMessage::max_size);

bool is_ours(const os::DoorMessage& message) noexcept {
  return message.size == wire::hello_size && wire::is_hello_start(message.text());
}

Result<StreamConnection> connection_of(const Address& address, os::DatagramEnds ends,
                                       const UnixOptions& options, const os::PeerCredentials& peer) {
  TRY(set_capacity(address, ends.out.get(), options));
  return StreamConnection{std::make_unique<os::DatagramStream>(std::move(ends)),
                          PeerInfo{peer.pid, peer.uid, peer.gid}};
}

}  // namespace

Result<StreamConnection> dial_datagrams(const Address& address, const UnixOptions& options,
                                        Deadline deadline) {
  auto answered = os::knock(address.place(), wire::encode_hello({}), deadline);
  if (!answered) {
    return std::unexpected(
        answered.error().with("connect", address.to_string(), std::string(answered.error().advice())));
  }
  TRY(check_listener(address, answered->answer.sender));
  if (!is_ours(answered->answer)) {
    return std::unexpected(Error(Errc::protocol_violation, "connect", address.to_string(),
                                 "what answers there does not speak tenon"));
  }
  return connection_of(address, std::move(answered->ends), options, answered->answer.sender);
}

Result<StreamListener> bind_datagrams(const Address& address, const UnixOptions& options) {
  const NameOptions name = TRY(NameOptions::from(address));
  auto door = os::DatagramDoor::open(address.place(), {.mode = name.mode, .group = name.group});
  if (!door) return std::unexpected(door.error().with("listen", address.to_string()));
  const int fd = door->fd();
  auto accept = [=, door = std::move(*door)](Deadline) mutable -> Result<StreamConnection> {
    auto request = TRY(door.next());
    if (!is_ours(request) || !may_connect(address, request.sender, name)) {
      return std::unexpected(Error(Errc::permission_denied, "accept", address.to_string()));
    }
    const os::PeerCredentials peer = request.sender;
    auto ends = TRY(os::DatagramDoor::answer(std::move(request), wire::encode_hello({})));
    return connection_of(address, std::move(ends), options, peer);
  };
  return StreamListener{address, fd, std::move(accept)};
}

}  // namespace tenon
