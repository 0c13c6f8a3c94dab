// TCP connections over IPv4 and IPv6: a byte stream between processes of one machine or of two. tcp(7),
// ip(7).
//
// Loopback unless an address is given: whoever can reach the address can connect, TCP knows no owner and no
// mode. The peer's death is seen at once on one machine (the kernel closes for it); a peer whose machine or
// cable has died says nothing: set_keep_alive and set_user_timeout bound how long that stays unseen.
//
// Threads: one thread may send while another receives on the same object.
#pragma once

#include <chrono>
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

/// When a silent connection is probed, and when it is given up. Whole seconds, 1 to 32767; probes 1 to 127.
/// tcp(7).
struct KeepAlive {
  std::chrono::seconds idle{10};     ///< of silence before the first probe
  std::chrono::seconds interval{5};  ///< between two probes
  int probes = 3;                    ///< unanswered ones after which receive fails with timed_out (ETIMEDOUT)
};

/// One end of a connection.
class TENON_EXPORT TcpSocket {
 public:
  /// Connects to `host` (see InetEndpoint::resolve; empty is 127.0.0.1), trying its addresses one after
  /// another until one answers; the error is the last one's. connect(2). Errors: no_one_there (refused, or no
  /// route), timed_out, cancelled, not_found (no such host), unsupported (no IPv6 here), resource_limit
  /// (descriptors, local ports).
  static Result<TcpSocket> connect(std::string_view host, std::uint16_t port,
                                   Deadline deadline = Deadline::never());
  /// Takes over a connected TCP socket made elsewhere.
  static TcpSocket adopt(Fd fd) noexcept { return TcpSocket(std::move(fd)); }

  int fd() const noexcept { return fd_.get(); }
  [[nodiscard]] Fd release() noexcept { return std::move(fd_); }

  /// Sends at least one byte, waiting for room. send(2) with MSG_NOSIGNAL.
  /// Errors: timed_out (also the user timeout: system_errno() is ETIMEDOUT then), cancelled, closed.
  Result<std::size_t> send_some(ByteView bytes, Deadline deadline = Deadline::never());
  /// Sends all of `bytes`. On an error some may have been sent.
  Result<void> send_all(ByteView bytes, Deadline deadline = Deadline::never());
  /// Receives what is there, waiting for at least one byte; 0 is the end of the stream. recv(2).
  /// Errors: timed_out (also keep-alive), cancelled, closed (ECONNRESET).
  Result<std::size_t> receive_some(ByteSpan buffer, Deadline deadline = Deadline::never());

  /// The peer reads what was sent, then the end; receiving goes on. shutdown(2).
  Result<void> shutdown_write();

  /// On: small sends leave at once instead of waiting for the last one's acknowledgement (Nagle's algorithm,
  /// which with delayed acknowledgements costs up to 40 ms for write, write, read). TCP_NODELAY.
  Result<void> set_no_delay(bool on);
  /// Finds out that a silent peer is gone. SO_KEEPALIVE, TCP_KEEPIDLE, TCP_KEEPINTVL, TCP_KEEPCNT.
  Result<void> set_keep_alive(KeepAlive when);
  /// How long sent bytes may stay unacknowledged before the connection fails with timed_out; zero is the
  /// system's choice (about 15 minutes: net.ipv4.tcp_retries2). With keep-alive it also replaces the number
  /// of probes. Retransmissions happen at their own times: the failure comes a little later.
  /// TCP_USER_TIMEOUT.
  Result<void> set_user_timeout(std::chrono::milliseconds limit);

  /// Our own address and the peer's. Errors: closed (not connected any more).
  Result<InetEndpoint> local() const;
  Result<InetEndpoint> peer() const;

 private:
  explicit TcpSocket(Fd fd) noexcept : fd_(std::move(fd)) {}
  Fd fd_;
};

/// Waits for connections at an address and a port.
class TENON_EXPORT TcpListener {
 public:
  /// Listens at `host`, empty for 127.0.0.1; "0.0.0.0" is every IPv4 address of the machine, "::" every IPv6
  /// and IPv4 one (dual stack: IPv4 peers appear as ::ffff:a.b.c.d). Port 0 lets the kernel choose: see
  /// port(). Connections of a listener that has ended do not keep the port (SO_REUSEADDR); a living listener
  /// does. `backlog`: connections waiting for accept(); cut to /proc/sys/net/core/somaxconn by the kernel.
  /// Errors: address_in_use, permission_denied (a port below net.ipv4.ip_unprivileged_port_start),
  /// invalid_argument (an address that no interface here has), unsupported (no IPv6 here), not_found (no such
  /// host), resource_limit.
  static Result<TcpListener> listen(std::string_view host, std::uint16_t port, int backlog = 4096);

  /// The next connection. Errors: timed_out, cancelled; resource_limit: as UnixListener::accept.
  Result<TcpSocket> accept(Deadline deadline = Deadline::never());

  /// Readable when a connection waits.
  int fd() const noexcept { return fd_.get(); }
  const InetEndpoint& endpoint() const noexcept { return endpoint_; }
  std::uint16_t port() const noexcept { return endpoint_.port(); }

 private:
  TcpListener(Fd fd, Fd reserve, InetEndpoint endpoint) noexcept
      : fd_(std::move(fd)), reserve_(std::move(reserve)), endpoint_(endpoint) {}
  Fd fd_;
  Fd reserve_;
  InetEndpoint endpoint_;
};

}  // namespace tenon::os
