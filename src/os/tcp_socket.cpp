#include <tenon/os/tcp_socket.hpp>

#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <cerrno>

#include "base/try.hpp"
#include "os/socket_inet.hpp"
#include "os/socket_io.hpp"

namespace tenon::os {
namespace {

Result<void> connect_to(int fd, const InetEndpoint& where, Deadline deadline) {
  const auto* address = static_cast<const sockaddr*>(where.data());
  int failure = ::connect(fd, address, static_cast<socklen_t>(where.size())) == 0 ? 0 : errno;
  if (failure == EINPROGRESS || failure == EINTR) {
    if (auto waited = wait_for(fd, Wait::writable, deadline); !waited) {
      return std::unexpected(waited.error().with("connect", where.to_string()));
    }
    socklen_t length = sizeof failure;
    ::getsockopt(fd, SOL_SOCKET, SO_ERROR, &failure, &length);
  }
  if (failure == 0 && is_connected_to_itself(fd)) failure = ECONNREFUSED;
  if (failure != 0) return std::unexpected(inet_error("connect", where, Transport::tcp, failure));
  return {};
}

Result<void> listen_at(int fd, const InetEndpoint& where, int backlog) {
  TRY(set_option(fd, SOL_SOCKET, SO_REUSEADDR, 1, "listen"));
  TRY(bind_to("listen", fd, where, Transport::tcp));
  if (::listen(fd, backlog) == 0) return {};
  return std::unexpected(inet_error("listen", where, Transport::tcp, errno));
}

}  // namespace

Result<TcpSocket> TcpSocket::connect(std::string_view host, std::uint16_t port, Deadline deadline) {
  return TcpSocket::adopt(
      TRY(try_each("connect", host, port, Transport::tcp,
                   [&](int fd, const InetEndpoint& where) { return connect_to(fd, where, deadline); })));
}

Result<std::size_t> TcpSocket::send_some(ByteView bytes, Deadline deadline) {
  return socket_send_some(fd(), bytes, deadline);
}

Result<void> TcpSocket::send_all(ByteView bytes, Deadline deadline) {
  return socket_send_all(fd(), bytes, deadline);
}

Result<std::size_t> TcpSocket::receive_some(ByteSpan buffer, Deadline deadline) {
  return socket_receive_some(fd(), buffer, deadline);
}

Result<void> TcpSocket::shutdown_write() {
  return shut(fd(), SHUT_WR);
}

Result<void> TcpSocket::set_no_delay(bool on) {
  return set_option(fd(), IPPROTO_TCP, TCP_NODELAY, on ? 1 : 0, "set TCP_NODELAY of");
}

Result<void> TcpSocket::set_keep_alive(KeepAlive when) {
  constexpr std::string_view operation = "set keep-alive of";
  TRY(set_option(fd(), IPPROTO_TCP, TCP_KEEPIDLE, static_cast<int>(when.idle.count()), operation));
  TRY(set_option(fd(), IPPROTO_TCP, TCP_KEEPINTVL, static_cast<int>(when.interval.count()), operation));
  TRY(set_option(fd(), IPPROTO_TCP, TCP_KEEPCNT, when.probes, operation));
  return set_option(fd(), SOL_SOCKET, SO_KEEPALIVE, 1, operation);
}

Result<void> TcpSocket::set_user_timeout(std::chrono::milliseconds limit) {
  return set_option(fd(), IPPROTO_TCP, TCP_USER_TIMEOUT, static_cast<int>(limit.count()),
                    "set TCP_USER_TIMEOUT of");
}

Result<InetEndpoint> TcpSocket::local() const {
  return local_endpoint(fd());
}
Result<InetEndpoint> TcpSocket::peer() const {
  return peer_endpoint(fd());
}

Result<TcpListener> TcpListener::listen(std::string_view host, std::uint16_t port, int backlog) {
  Fd fd = TRY(try_each("listen", host, port, Transport::tcp,
                       [&](int made, const InetEndpoint& where) { return listen_at(made, where, backlog); }));
  Fd reserve = TRY(make_reserve(fd.get()));
  const InetEndpoint endpoint = TRY(local_endpoint(fd.get()));
  return TcpListener(std::move(fd), std::move(reserve), endpoint);
}

Result<TcpSocket> TcpListener::accept(Deadline deadline) {
  return TcpSocket::adopt(TRY(accept_connection(fd_.get(), reserve_, deadline, "TCP connection")));
}

}  // namespace tenon::os
