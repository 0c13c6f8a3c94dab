#include "os/udp_door.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <sys/uio.h>
#include <cerrno>
#include <cstring>

#include "base/scope_exit.hpp"
#include "base/try.hpp"
#include "os/port_holder.hpp"
#include "os/retry.hpp"
#include "os/socket_inet.hpp"
#include "os/socket_io.hpp"

namespace tenon::os {
namespace {

constexpr int wanted_receive_buffer = 1 << 20;

union PacketInfo {
  in_pktinfo v4;
  in6_pktinfo v6;
};

struct InfoRoom {
  alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof(PacketInfo))> bytes{};
};

void set_flag(int fd, int option, bool on) noexcept {
  const int value = on ? 1 : 0;
  ::setsockopt(fd, SOL_SOCKET, option, &value, sizeof value);
}

Result<void> ask_for_destination(int fd, const InetEndpoint& where) {
  return where.is_ipv6() ? set_option(fd, IPPROTO_IPV6, IPV6_RECVPKTINFO, 1, "listen")
                         : set_option(fd, IPPROTO_IP, IP_PKTINFO, 1, "listen");
}

/// Our address that `message` was sent to; `local`, if the kernel did not say.
InetEndpoint destination_of(msghdr& message, const InetEndpoint& local) noexcept {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    PacketInfo info{};
    if (part->cmsg_level == IPPROTO_IP && part->cmsg_type == IP_PKTINFO) {
      std::memcpy(&info.v4, CMSG_DATA(part), sizeof info.v4);
      sockaddr_in address{};
      address.sin_family = AF_INET;
      address.sin_port = htons(local.port());
      address.sin_addr = info.v4.ipi_spec_dst;
      return InetEndpoint::from_kernel(&address, sizeof address);
    }
    if (part->cmsg_level == IPPROTO_IPV6 && part->cmsg_type == IPV6_PKTINFO) {
      std::memcpy(&info.v6, CMSG_DATA(part), sizeof info.v6);
      sockaddr_in6 address{};
      address.sin6_family = AF_INET6;
      address.sin6_port = htons(local.port());
      address.sin6_addr = info.v6.ipi6_addr;
      if (IN6_IS_ADDR_LINKLOCAL(&address.sin6_addr)) address.sin6_scope_id = info.v6.ipi6_ifindex;
      return InetEndpoint::from_kernel(&address, sizeof address);
    }
  }
  return local;
}

/// Lets the answer leave from the address that was asked, which matters to a machine with several.
void put_source(msghdr& message, const InetEndpoint& source) noexcept {
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  if (source.is_ipv6()) {
    sockaddr_in6 address{};
    std::memcpy(&address, source.data(), sizeof address);
    const in6_pktinfo info{address.sin6_addr, address.sin6_scope_id};
    *part = {CMSG_LEN(sizeof info), IPPROTO_IPV6, IPV6_PKTINFO};
    std::memcpy(CMSG_DATA(part), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  } else {
    sockaddr_in address{};
    std::memcpy(&address, source.data(), sizeof address);
    in_pktinfo info{};
    info.ipi_spec_dst = address.sin_addr;
    *part = {CMSG_LEN(sizeof info), IPPROTO_IP, IP_PKTINFO};
    std::memcpy(CMSG_DATA(part), &info, sizeof info);
    message.msg_controllen = CMSG_SPACE(sizeof info);
  }
}

Result<void> connect_to(int fd, const InetEndpoint& peer) {
  const auto* address = static_cast<const sockaddr*>(peer.data());
  if (retry([&] { return ::connect(fd, address, static_cast<socklen_t>(peer.size())); }) == 0) return {};
  return std::unexpected(inet_error("connect", peer, Transport::udp, errno));
}

/// A port that is taken may be so by sockets of channels that outlive their listener: those share it.
Result<void> bind_door(int fd, const InetEndpoint& where) {
  auto bound = bind_to("listen", fd, where, Transport::udp);
  if (bound || bound.error().code() != Errc::address_in_use) return bound;
  set_flag(fd, SO_REUSEADDR, true);
  const base::ScopeExit no_longer([fd] { set_flag(fd, SO_REUSEADDR, false); });
  if (!bind_to("listen", fd, where, Transport::udp)) return bound;
  if (is_port_shared(fd, where)) return bound;
  return {};
}

}  // namespace

void enlarge_receive_buffer(int socket) noexcept {
  ::setsockopt(socket, SOL_SOCKET, SO_RCVBUF, &wanted_receive_buffer, sizeof wanted_receive_buffer);
}

Result<Fd> connect_udp(const InetEndpoint& peer) {
  Fd fd = TRY(make_socket(peer.is_ipv6() ? AF_INET6 : AF_INET, SOCK_DGRAM, "connect", peer.to_string()));
  TRY(connect_to(fd.get(), peer));
  enlarge_receive_buffer(fd.get());
  return fd;
}

Result<UdpDoor> UdpDoor::open(std::string_view host, std::uint16_t port) {
  Fd fd = TRY(
      try_each("listen", host, port, Transport::udp, [](int made, const InetEndpoint& where) -> Result<void> {
        TRY(ask_for_destination(made, where));
        return bind_door(made, where);
      }));
  enlarge_receive_buffer(fd.get());
  const InetEndpoint local = TRY(local_endpoint(fd.get()));
  return UdpDoor(std::move(fd), local);
}

Result<Visit> receive_visit(int socket, const InetEndpoint& local, ByteSpan buffer) {
  iovec part{buffer.data(), buffer.size()};
  sockaddr_storage sender{};
  InfoRoom room;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = &sender;
  message.msg_namelen = sizeof sender;
  message.msg_control = room.bytes.data();
  message.msg_controllen = room.bytes.size();
  const ssize_t size = retry([&] { return ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_TRUNC); });
  if (size < 0 && errno == EAGAIN) return std::unexpected(Error(Errc::timed_out, "receive"));
  if (size < 0) return std::unexpected(Error::from_errno("receive", local.to_string(), errno));
  return Visit{static_cast<std::size_t>(size), InetEndpoint::from_kernel(&sender, message.msg_namelen),
               destination_of(message, local)};
}

void UdpDoor::reply(const Visit& visit, ByteView datagram) noexcept {
  iovec part{const_cast<std::byte*>(datagram.data()), datagram.size()};
  InfoRoom room;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = const_cast<void*>(visit.from.data());
  message.msg_namelen = static_cast<socklen_t>(visit.from.size());
  message.msg_control = room.bytes.data();
  message.msg_controllen = room.bytes.size();
  put_source(message, visit.to);
  retry([&] { return ::sendmsg(fd_.get(), &message, MSG_DONTWAIT | MSG_NOSIGNAL); });
}

// SO_REUSEPORT lets sockets of one user share a port. It is on only while the new socket is bound, and then off
// on both, so that a second listener finds the port taken. SO_REUSEADDR stays on the new socket alone: a door
// opened after this one is closed shares the port with it (bind_door).
Result<Fd> UdpDoor::split(const Visit& visit) {
  Fd fd =
      TRY(make_socket(local_.is_ipv6() ? AF_INET6 : AF_INET, SOCK_DGRAM, "accept", visit.from.to_string()));
  TRY(set_option(fd.get(), SOL_SOCKET, SO_REUSEADDR, 1, "accept"));
  TRY(set_option(fd.get(), SOL_SOCKET, SO_REUSEPORT, 1, "accept"));
  TRY(set_option(fd_.get(), SOL_SOCKET, SO_REUSEPORT, 1, "accept"));
  const base::ScopeExit alone([door = fd_.get(), made = fd.get()] {
    set_flag(door, SO_REUSEPORT, false);
    set_flag(made, SO_REUSEPORT, false);
  });
  TRY(bind_to("accept", fd.get(), visit.to, Transport::udp));
  TRY(connect_to(fd.get(), visit.from));
  enlarge_receive_buffer(fd.get());
  return fd;
}

}  // namespace tenon::os
