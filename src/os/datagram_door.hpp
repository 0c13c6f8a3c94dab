// How two processes get a connection over Unix datagram sockets: the client brings a datagram with descriptors
// to a bound socket, the door; the listener answers over one of them. unix(7).
//
// Each side makes the pair that it will send on and gives the other the end to receive from, so that neither
// sends messages to a socket that a stranger chose, and no name is needed but the door's. What the request and
// the answer say is for the caller to decide and to check.
#pragma once

#include <array>
#include <memory>
#include <string_view>
#include <vector>

#include <tenon/os/credentials.hpp>
#include <tenon/os/unix_socket.hpp>

#include "os/datagram_stream.hpp"
#include "os/socket_name.hpp"

namespace tenon::os {

/// A request or an answer: what was said, by whom (from the kernel), and what came with it.
struct DoorMessage {
  static constexpr std::size_t max_size = 32;  ///< bytes of text

  std::array<std::byte, max_size> bytes{};
  std::size_t size = 0;
  PeerCredentials sender{};
  std::vector<Fd> descriptors;

  ByteView text() const noexcept { return ByteView(bytes).first(size); }
};

class DatagramDoor {
 public:
  /// Binds a datagram socket as UnixListener::listen does. Errors: those.
  static Result<DatagramDoor> open(std::string_view place, UnixListenOptions options);

  /// The next request, without waiting. Errors: timed_out (none is there), protocol_violation (what came is no
  /// request), resource_limit (no descriptor is left for it). What came is gone in either case.
  Result<DoorMessage> next();
  /// Makes the connection that `request` asked for. Errors: closed (the client has given up), resource_limit.
  static Result<DatagramEnds> answer(DoorMessage request, ByteView text);

  /// Readable when a request waits.
  int fd() const noexcept { return fd_.get(); }

 private:
  DatagramDoor(Fd fd, std::unique_ptr<SocketName> name) noexcept
      : fd_(std::move(fd)), name_(std::move(name)) {}

  Fd fd_;
  std::unique_ptr<SocketName> name_;  // after fd_: removed while the socket is still open
};

/// What a client has once it is let in.
struct Answered {
  DatagramEnds ends;
  DoorMessage answer;
};

/// Asks at the door at `place` and waits for the answer. Errors: those of UnixSocket::connect; no_one_there
/// (the listener went away, or does not let us in), protocol_violation (what came is no answer).
Result<Answered> knock(std::string_view place, ByteView text, Deadline deadline);

}  // namespace tenon::os
