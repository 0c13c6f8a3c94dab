#include <tenon/os/udp_socket.hpp>

#include <sys/socket.h>
#include <algorithm>
#include <cerrno>

#include "base/try.hpp"
#include "os/retry.hpp"
#include "os/socket_inet.hpp"
#include "os/socket_io.hpp"

namespace tenon::os {

Result<UdpSocket> UdpSocket::bind(std::string_view host, std::uint16_t port) {
  return adopt(TRY(try_each("bind", host, port, Transport::udp, [](int fd, const InetEndpoint& where) {
    return bind_to("bind", fd, where, Transport::udp);
  })));
}

Result<UdpSocket> UdpSocket::connect(std::string_view host, std::uint16_t port) {
  return adopt(TRY(
      try_each("connect", host, port, Transport::udp, [](int fd, const InetEndpoint& where) -> Result<void> {
        const auto* address = static_cast<const sockaddr*>(where.data());
        if (retry([&] { return ::connect(fd, address, static_cast<socklen_t>(where.size())); }) == 0)
          return {};
        return std::unexpected(inet_error("connect", where, Transport::udp, errno));
      })));
}

Result<InetEndpoint> UdpSocket::local() const {
  return local_endpoint(fd());
}

Result<void> UdpSocket::send(ByteView message, Deadline deadline) {
  (void)TRY(socket_send_some(fd(), message, deadline));
  return {};
}

Result<void> UdpSocket::send_to(const InetEndpoint& to, ByteView message, Deadline deadline) {
  (void)TRY(transfer("send", fd(), Wait::writable, deadline, [&] {
    return ::sendto(fd(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT,
                    static_cast<const sockaddr*>(to.data()), static_cast<socklen_t>(to.size()));
  }));
  return {};
}

Result<UdpSocket::Received> UdpSocket::receive_from(ByteSpan buffer, Deadline deadline) {
  sockaddr_storage sender{};
  socklen_t length = 0;
  const std::size_t full_size = TRY(transfer("receive", fd(), Wait::readable, deadline, [&] {
    length = sizeof sender;
    return ::recvfrom(fd(), buffer.data(), buffer.size(), MSG_DONTWAIT | MSG_TRUNC,
                      reinterpret_cast<sockaddr*>(&sender), &length);
  }));
  return Received{std::min(full_size, buffer.size()), full_size, InetEndpoint::from_kernel(&sender, length)};
}

}  // namespace tenon::os
