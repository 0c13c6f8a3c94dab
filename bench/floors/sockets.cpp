// The floors of unix:, tcp: and udp:. Connected before the processes are made: how they meet is not what is measured.
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/socket.h>
#include <algorithm>

#include "base/try.hpp"
#include "bench/floors/descriptor_link.hpp"
#include "bench/floors/floor.hpp"

namespace bench {
namespace {

using tenon::Error;
using tenon::Result;
using tenon::os::Fd;

std::unexpected<Error> failed(const char* operation) {
  return std::unexpected(Error::from_errno(operation, "a socket", errno));
}

Result<MeetingPtr> pair(const Setting& setting, int type, Kind kind) {
  int fds[2];
  if (::socketpair(AF_UNIX, type | SOCK_CLOEXEC, 0, fds) != 0) return failed("make");
  std::array<Ends, 2> ends{Ends{Fd(fds[0]), Fd()}, Ends{Fd(fds[1]), Fd()}};
  return std::make_unique<InheritedEnds>(setting, std::move(ends), kind);
}

/// A socket at a free port of 127.0.0.1.
Result<Fd> bound(int type, sockaddr_in& address) {
  Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  if (!socket) return failed("make");
  address = {};
  address.sin_family = AF_INET;
  address.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
  socklen_t length = sizeof address;
  auto* const generic = reinterpret_cast<sockaddr*>(&address);
  if (::bind(socket.get(), generic, length) != 0) return failed("bind");
  if (::getsockname(socket.get(), generic, &length) != 0) return failed("look at");
  return socket;
}

Result<void> connect_to(int socket, const sockaddr_in& address) {
  if (::connect(socket, reinterpret_cast<const sockaddr*>(&address), sizeof address) != 0)
    return failed("connect");
  return {};
}

}  // namespace

Result<MeetingPtr> prepare_unix_stream_floor(const Setting& setting) {
  return pair(setting, SOCK_STREAM, Kind::bytes);
}

Result<MeetingPtr> prepare_unix_seqpacket_floor(const Setting& setting) {
  return pair(setting, SOCK_SEQPACKET, Kind::packets);
}

Result<MeetingPtr> prepare_unix_dgram_floor(const Setting& setting) {
  return pair(setting, SOCK_DGRAM, Kind::packets);
}

Result<MeetingPtr> prepare_tcp_floor(const Setting& setting) {
  sockaddr_in address{};
  const Fd listener = TRY(bound(SOCK_STREAM, address));
  if (::listen(listener.get(), 1) != 0) return failed("listen");
  Fd one(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  if (!one) return failed("make");
  TRY(connect_to(one.get(), address));
  Fd other(::accept4(listener.get(), nullptr, nullptr, SOCK_CLOEXEC));
  if (!other) return failed("accept");
  const int on = 1;
  for (const int fd : {one.get(), other.get()}) ::setsockopt(fd, IPPROTO_TCP, TCP_NODELAY, &on, sizeof on);
  std::array<Ends, 2> ends{Ends{std::move(one), Fd()}, Ends{std::move(other), Fd()}};
  return std::make_unique<InheritedEnds>(setting, std::move(ends), Kind::bytes);
}

Result<MeetingPtr> prepare_udp_floor(const Setting& setting) {
  sockaddr_in first{};
  sockaddr_in second{};
  Fd one = TRY(bound(SOCK_DGRAM, first));
  Fd other = TRY(bound(SOCK_DGRAM, second));
  TRY(connect_to(one.get(), second));
  TRY(connect_to(other.get(), first));
  const int room = 1 << 20;  // as udp: asks for
  for (const int fd : {one.get(), other.get()}) ::setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &room, sizeof room);
  std::array<Ends, 2> ends{Ends{std::move(one), Fd()}, Ends{std::move(other), Fd()}};
  return std::make_unique<InheritedEnds>(setting, std::move(ends), Kind::lossy_packets);
}

}  // namespace bench
