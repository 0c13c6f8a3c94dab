#include "channel/udp/udp.hpp"

#include "base/try.hpp"
#include "channel/host_port.hpp"
#include "channel/packet_endpoint.hpp"
#include "channel/udp/greeting.hpp"
#include "channel/udp/plain.hpp"
#include "os/datagram_port.hpp"
#include "os/limits.hpp"
#include "os/socket_inet.hpp"

namespace tenon {
namespace {

constexpr Traits framed_traits{
    {Trait::message_boundaries, Trait::pollable, Trait::unrelated_processes, Trait::many_peers,
     Trait::crosses_hosts, Trait::hostile_peer_safe, Trait::raw_bytes},
    os::max_udp_datagram - wire::datagram_header_size};

constexpr int most_visits_a_turn = 64;  ///< before the deadline is looked at again

const char* const limit =
    "a datagram of UDP carries no more: split the message (and across a network stay below 1,400 bytes, "
    "which "
    "travel in one piece), or use tcp:";

Result<ChannelOptions> options_of(const Address& address) {
  const ChannelOptions options = TRY(ChannelOptions::from(address));
  if (options.framing != Framing::lines) return options;
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(),
            "framing=lines needs a stream of bytes: with framing=raw a datagram is a message"));
}

Result<Traits> traits(const Address& address) {
  Traits all = framed_traits;
  if (TRY(options_of(address)).framing == Framing::raw) all.max_message_size = os::max_udp_datagram;
  return all;
}

std::unique_ptr<Endpoint> make_framed(const Address& address, os::Fd socket, Tokens tokens, bool is_listener,
                                      const ChannelOptions& options) {
  auto port = std::make_unique<NumberedPort>(std::move(socket), os::max_udp_datagram, tokens, is_listener);
  if (is_listener) port->welcome();
  return make_packet_endpoint(address, {std::move(port), {}, limit}, framed_traits, options);
}

// ---- Connecting

Result<std::unique_ptr<Endpoint>> connect_to(const Address& address, const os::InetEndpoint& peer,
                                             const ChannelOptions& options, Deadline deadline) {
  os::Fd socket = TRY(os::connect_udp(peer));
  if (options.framing == Framing::raw) {
    return make_packet_endpoint(
        address, {std::make_unique<os::DatagramPort>(std::move(socket), os::max_udp_datagram), {}, limit},
        framed_traits, options);
  }
  const Tokens tokens = TRY(greet(socket, deadline));
  return make_framed(address, std::move(socket), tokens, false, options);
}

Result<std::unique_ptr<Endpoint>> connect(const Address& address, Deadline deadline) {
  const HostPort place = TRY(HostPort::from(address));
  const ChannelOptions options = TRY(options_of(address));
  if (place.port == 0) {
    return std::unexpected(Error(Errc::invalid_argument, "connect", address.to_string(),
                                 "port 0 is for listening, and means that the system chooses: name the port "
                                 "that the listener reports"));
  }
  const auto resolved = os::InetEndpoint::resolve(place.host, place.port);
  if (!resolved) return std::unexpected(resolved.error().with("connect", address.to_string()));
  Result<std::unique_ptr<Endpoint>> endpoint = nullptr;
  for (const os::InetEndpoint& peer : *resolved) {
    endpoint = connect_to(address, peer, options, deadline);
    if (endpoint) return endpoint;
    const Errc code = endpoint.error().code();
    if (code != Errc::no_one_there && code != Errc::unsupported) break;
  }
  return std::unexpected(endpoint.error().with("connect", address.to_string()));
}

// ---- Listening

class UdpAcceptor final : public Acceptor {
 public:
  UdpAcceptor(const Address& address, os::UdpDoor door, Porter porter, const ChannelOptions& options)
      : Acceptor(address), door_(std::move(door)), porter_(porter), options_(options) {}

  Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) override;
  Result<int> poll_fd() override { return door_.fd(); }

 private:
  Result<std::unique_ptr<Endpoint>> serve_waiting();

  os::UdpDoor door_;
  Porter porter_;
  ChannelOptions options_;
};

/// The first of those who wait that completes a connection, or null when all have been answered.
Result<std::unique_ptr<Endpoint>> UdpAcceptor::serve_waiting() {
  std::array<std::byte, 64> buffer;
  for (int visits = 0; visits < most_visits_a_turn; ++visits) {
    const auto visit = door_.receive(buffer);
    if (!visit && visit.error().code() == Errc::timed_out) return nullptr;
    if (!visit) return std::unexpected(visit.error());
    const auto tokens =
        porter_.serve(door_, *visit, ByteView(buffer).first(std::min(visit->size, buffer.size())));
    if (!tokens) continue;
    os::Fd socket = TRY(door_.split(*visit));
    porter_.remember(*tokens);
    return make_framed(address(), std::move(socket), *tokens, true, options_);
  }
  return nullptr;
}

Result<std::unique_ptr<Endpoint>> UdpAcceptor::accept(Deadline deadline) {
  for (;;) {
    auto served = serve_waiting();
    if (!served) return std::unexpected(served.error().with("accept", address().to_string()));
    if (*served) return served;
    const auto ready = os::wait_for(door_.fd(), os::Wait::readable, deadline);
    if (!ready) return std::unexpected(ready.error().with("accept", address().to_string()));
  }
}

Result<std::unique_ptr<Acceptor>> listen(const Address& asked) {
  HostPort place = TRY(HostPort::from(asked));
  const ChannelOptions options = TRY(options_of(asked));
  auto door = os::UdpDoor::open(place.host, place.port);
  if (!door) return std::unexpected(door.error().with("listen", asked.to_string()));
  const bool chosen = place.port == 0;
  place.port = door->local().port();
  const Address address = chosen ? asked.at(place.to_string()) : asked;
  if (options.framing == Framing::raw)
    return make_plain_acceptor(address, std::move(*door), TRY(traits(asked)), options, limit);
  return std::make_unique<UdpAcceptor>(address, std::move(*door), TRY(Porter::create()), options);
}

std::vector<std::string> limits() {
  return {
      os::limit_line(
          "net.core.rmem_max",
          "bytes of datagrams that wait to be received: what comes beyond is lost (1 MiB is asked for)"),
      os::limit_line("net.core.wmem_default", "bytes of datagrams on their way out of this machine"),
      os::limit_line("net.ipv4.udp_mem", "pages of memory for all UDP sockets: low, pressure, most"),
      os::limit_line("net.ipv4.ip_local_port_range", "ports of the connecting side"),
      os::limit_line("net.ipv4.ip_unprivileged_port_start",
                     "the first port that an ordinary user may listen at"),
  };
}

}  // namespace

const Transport udp_transport{
    .scheme = "udp",
    .mechanism = "UDP datagrams over IPv4 or IPv6",
    .place = "HOST:PORT, [IPV6]:PORT or PORT (loopback); port 0: the system chooses",
    .options = {"framing", "wait", "require"},
    .general_traits = framed_traits,
    .traits = traits,
    .connect = connect,
    .listen = listen,
    .limits = limits,
};

}  // namespace tenon
