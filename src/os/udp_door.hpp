// A UDP port at which strangers may knock, and from which those who are let in get a socket of their own: bound
// to the same address and port, and connected to them, so that the kernel sorts what arrives and nothing else
// than the port must be let through on the way. udp(7), ip(7).
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <tenon/bytes.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/inet_endpoint.hpp>

namespace tenon::os {

/// What fits into one datagram over IPv4; IPv6 would take 20 bytes more.
inline constexpr std::size_t max_udp_datagram = 65'507;

/// A datagram that came, and its way.
struct Visit {
  std::size_t size = 0;  ///< of the datagram, of which as much as fits is in the caller's buffer
  InetEndpoint from;
  InetEndpoint to;  ///< our address that it was sent to
};

/// The next datagram at `socket`, without waiting; `local` is where it is bound. Errors: timed_out (there is
/// none), system_error.
Result<Visit> receive_visit(int socket, const InetEndpoint& local, ByteSpan buffer);

class UdpDoor {
 public:
  /// Errors: as UdpSocket::bind. Sockets that were split off an earlier door and live on are no obstacle.
  static Result<UdpDoor> open(std::string_view host, std::uint16_t port);

  /// The next datagram, without waiting. Errors: timed_out (there is none), system_error.
  Result<Visit> receive(ByteSpan buffer) const { return receive_visit(fd_.get(), local_, buffer); }
  /// A datagram back to where the visitor came from. Lost if it cannot be sent at once.
  void reply(const Visit& visit, ByteView datagram) noexcept;
  /// A socket for the visitor alone. What it sent before is still at the door; what others send at this very
  /// moment may arrive on the new socket. Errors: resource_limit, address_in_use.
  Result<Fd> split(const Visit& visit);

  const InetEndpoint& local() const noexcept { return local_; }
  /// Readable when somebody has knocked.
  int fd() const noexcept { return fd_.get(); }

 private:
  UdpDoor(Fd fd, InetEndpoint local) noexcept : fd_(std::move(fd)), local_(local) {}

  Fd fd_;
  InetEndpoint local_;
};

/// Asks for a receive buffer that takes bursts; the kernel gives what net.core.rmem_max allows.
void enlarge_receive_buffer(int socket) noexcept;

/// A UDP socket connected to `peer`, from a port that the kernel chooses. Errors: as UdpSocket::connect.
Result<Fd> connect_udp(const InetEndpoint& peer);

}  // namespace tenon::os
