// UDP datagrams over IPv4 and IPv6: single messages that may be lost, doubled or reordered, and are never cut
// into pieces. udp(7).
//
// On loopback nothing is reordered or doubled, but a message to a full receive buffer is dropped all the
// same, and the sender is not told. Whoever needs an answer sets a deadline and sends again.
//
// Threads: any number may send and receive on the same object; each message goes to one of them.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string_view>
#include <utility>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/inet_endpoint.hpp>

namespace tenon::os {

class TENON_EXPORT UdpSocket {
 public:
  /// What fits into one datagram on IPv4: 65535 bytes less the headers of IP (20) and UDP (8). Beyond about
  /// 1,400 bytes a network cuts it into fragments, and loses it when it loses one of them.
  static constexpr std::size_t max_datagram_size = 65'507;

  /// A mailbox at `host` (as TcpListener::listen) and `port`; 0 lets the kernel choose. The port is not
  /// shared (no SO_REUSEADDR, with which a second UDP socket that sets it too would take the datagrams).
  /// Errors: as TcpListener::listen.
  static Result<UdpSocket> bind(std::string_view host, std::uint16_t port);

  /// A socket that talks with one peer only, from a port that the kernel chooses. Nothing is sent by this:
  /// that nobody is there shows when the answer to a first message is an error. connect(2). Errors:
  /// no_one_there (no route), not_found (no such host), unsupported (no IPv6 here), resource_limit.
  static Result<UdpSocket> connect(std::string_view host, std::uint16_t port);

  /// Takes over a UDP socket made elsewhere.
  static UdpSocket adopt(Fd fd) noexcept { return UdpSocket(std::move(fd)); }

  int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] Fd release() noexcept { return std::move(fd_); }
  Result<InetEndpoint> local() const;

  /// To the connected peer, waiting for room in our own buffer. send(2).
  /// Errors: timed_out, cancelled, message_too_large, no_one_there (the host answered an earlier one with
  /// "port unreachable": this one was not sent, and the next will be).
  Result<void> send(ByteView message, Deadline deadline = Deadline::never());
  /// To anyone. Errors: as send, without no_one_there.
  Result<void> send_to(const InetEndpoint& to, ByteView message, Deadline deadline = Deadline::never());

  struct Received {
    std::size_t size;       ///< bytes in the caller's buffer
    std::size_t full_size;  ///< bytes that the message had; what did not fit is lost
    InetEndpoint from;
    bool truncated() const noexcept { return full_size > size; }
  };
  /// The next message, waiting for it; it may be empty. recvmsg(2), MSG_TRUNC.
  /// Errors: timed_out, cancelled, no_one_there (connected sockets: as send).
  Result<Received> receive_from(ByteSpan buffer, Deadline deadline = Deadline::never());

 private:
  explicit UdpSocket(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

}  // namespace tenon::os
