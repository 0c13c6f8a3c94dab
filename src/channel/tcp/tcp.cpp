#include "channel/tcp/tcp.hpp"

#include <tenon/os/tcp_socket.hpp>
#include <tenon/units.hpp>

#include "base/try.hpp"
#include "channel/host_port.hpp"
#include "channel/stream.hpp"
#include "os/limits.hpp"
#include "os/tcp_stream.hpp"

namespace tenon {
namespace {

using std::chrono::seconds;

constexpr Traits framed_traits{{Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death,
                                Trait::pollable, Trait::unrelated_processes, Trait::many_peers,
                                Trait::crosses_hosts, Trait::hostile_peer_safe, Trait::raw_bytes},
                               default_max_message_size};

constexpr seconds least_dead_after{4};  // a second of silence, and three probes
constexpr seconds most_dead_after{3600};
constexpr std::chrono::nanoseconds default_frame_timeout = seconds(30);

struct TcpOptions {
  os::TcpStreamOptions stream;
  std::chrono::nanoseconds frame_timeout = default_frame_timeout;
  Framing framing = Framing::message;
};

std::unexpected<Error> bad(const Address& address, std::string_view option, std::string_view advice) {
  return std::unexpected(Error(Errc::invalid_argument, "parse address", address.to_string(),
                               std::string(option).append(": ").append(advice)));
}

Result<TcpOptions> options_of(const Address& address) {
  TcpOptions options;
  options.framing = TRY(ChannelOptions::from(address)).framing;
  if (const auto text = address.option("dead-after")) {
    const auto limit = parse_duration(*text);
    if (!limit) return bad(address, "dead-after", limit.error().advice());
    options.stream.dead_after = std::chrono::duration_cast<seconds>(*limit);
    if (options.stream.dead_after != *limit || *limit < least_dead_after || *limit > most_dead_after)
      return bad(address, "dead-after", "whole seconds, from 4s to 1h");
  }
  if (const auto text = address.option("frame-timeout")) {
    const auto limit = parse_duration(*text);
    if (!limit) return bad(address, "frame-timeout", limit.error().advice());
    options.frame_timeout = *limit;
  }
  if (const auto text = address.option("capacity")) {
    const auto size = parse_size(*text);
    if (!size) return bad(address, "capacity", size.error().advice());
    if (*size == 0) return bad(address, "capacity", "at least a few thousand bytes");
    options.stream.capacity = *size;
  }
  return options;
}

Result<Traits> traits(const Address& address) {
  return traits_for_framing(framed_traits, TRY(options_of(address)).framing);
}

Result<StreamConnection> connection_of(const Address& address, os::TcpSocket socket,
                                       const TcpOptions& options) {
  auto stream = os::TcpStream::create(std::move(socket), options.stream);
  if (!stream) return std::unexpected(stream.error().with("set up", address.to_string()));
  return StreamConnection{std::move(*stream), std::nullopt, options.frame_timeout};
}

Result<StreamConnection> dial(const Address& address, Deadline deadline) {
  const HostPort place = TRY(HostPort::from(address));
  const TcpOptions options = TRY(options_of(address));
  if (place.port == 0) {
    return std::unexpected(Error(Errc::invalid_argument, "connect", address.to_string(),
                                 "port 0 is for listening, and means that the system chooses: name the port "
                                 "that the listener reports"));
  }
  auto socket = os::TcpSocket::connect(place.host, place.port, deadline);
  if (!socket) return std::unexpected(socket.error().with("connect", address.to_string()));
  return connection_of(address, std::move(*socket), options);
}

Result<StreamListener> bind(const Address& address) {
  HostPort place = TRY(HostPort::from(address));
  const TcpOptions options = TRY(options_of(address));
  auto listener = os::TcpListener::listen(place.host, place.port);
  if (!listener) return std::unexpected(listener.error().with("listen", address.to_string()));
  const bool chosen = place.port == 0;
  place.port = listener->port();
  const int fd = listener->fd();
  auto accept = [=, listener = std::move(*listener)](Deadline deadline) mutable -> Result<StreamConnection> {
    return connection_of(address, TRY(listener.accept(deadline)), options);
  };
  return StreamListener{chosen ? address.at(place.to_string()) : address, fd, std::move(accept)};
}

std::vector<std::string> limits() {
  return {
      os::limit_line("net.core.somaxconn", "connections that wait for accept"),
      os::limit_line("net.ipv4.ip_local_port_range",
                     "ports of the connecting side: connections to one listener"),
      os::limit_line("net.ipv4.tcp_wmem", "bytes of send buffer: least, first, most without capacity="),
      os::limit_line("net.ipv4.tcp_rmem", "bytes of receive buffer: likewise"),
      os::limit_line("net.core.wmem_max", "the largest capacity= for sending"),
      os::limit_line("net.core.rmem_max", "the largest capacity= for receiving"),
      os::limit_line("net.ipv4.tcp_retries2", "repetitions without an answer before the kernel gives up"),
  };
}

}  // namespace

const Transport tcp_transport{
    .scheme = "tcp",
    .mechanism = "TCP connection over IPv4 or IPv6",
    .place = "HOST:PORT, [IPV6]:PORT or PORT (loopback); port 0: the system chooses",
    .options = {"capacity", "dead-after", "frame-timeout", "framing", "wait", "max-message-size", "require"},
    .general_traits = framed_traits,
    .traits = traits,
    .dial = dial,
    .bind = bind,
    .limits = limits,
};

}  // namespace tenon
