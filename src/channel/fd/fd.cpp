#include "channel/fd/fd.hpp"

#include <charconv>

#include <tenon/os/credentials.hpp>

#include "base/try.hpp"
#include "channel/stream.hpp"

namespace tenon {
namespace {

constexpr Traits pipe_traits{{Trait::message_boundaries, Trait::reports_peer_death, Trait::pollable,
                              Trait::hostile_peer_safe, Trait::raw_bytes},
                             default_max_message_size};
constexpr Traits socket_traits{
    {Trait::message_boundaries, Trait::reports_peer_death, Trait::peer_credentials,
     Trait::carries_descriptors, Trait::pollable, Trait::hostile_peer_safe, Trait::raw_bytes},
    default_max_message_size};

struct Descriptors {
  int in = -1;
  int out = -1;
};

std::unexpected<Error> bad_place(const Address& address, std::string_view why) {
  return std::unexpected(
      Error(Errc::invalid_argument, "adopt", address.to_string(),
            std::string(why) + ": write fd:IN,OUT for two pipe ends or fd:N for a socket"));
}

Result<Descriptors> descriptors_of(const Address& address) {
  Descriptors found;
  const char* const end = address.place().data() + address.place().size();
  auto [rest, problem] = std::from_chars(address.place().data(), end, found.in);
  found.out = found.in;
  if (problem == std::errc{} && rest != end && *rest == ',') {
    const auto second = std::from_chars(rest + 1, end, found.out);
    rest = second.ptr;
    problem = second.ec;
  }
  if (problem != std::errc{} || rest != end || found.in < 0 || found.out < 0) {
    return bad_place(address, "'" + address.place() + "' names no descriptors");
  }
  return found;
}

Result<bool> is_socket(const Address& address, const Descriptors& descriptors) {
  const auto in = os::kind_of(descriptors.in);
  const auto out = os::kind_of(descriptors.out);
  if (!in || !out) return std::unexpected((in ? out : in).error().with("adopt", address.to_string()));
  using enum os::DescriptorKind;
  if (*in == pipe && *out == pipe && descriptors.in != descriptors.out) return false;
  if (descriptors.in == descriptors.out && (*in == stream_socket || *in == packet_socket)) return true;
  return bad_place(address, "the descriptors are neither two pipe ends nor one connected Unix socket");
}

Result<Traits> traits(const Address& address) {
  const Framing framing = TRY(ChannelOptions::from(address)).framing;
  const bool socket = TRY(is_socket(address, TRY(descriptors_of(address))));
  return traits_for_framing(socket ? socket_traits : pipe_traits, framing);
}

Result<std::unique_ptr<Endpoint>> connect(const Address& address, Deadline deadline) {
  const Descriptors numbers = TRY(descriptors_of(address));
  if (!TRY(is_socket(address, numbers))) {
    os::Fd in(numbers.in);
    os::Fd out(numbers.out);
    for (const int fd : {numbers.in, numbers.out}) {
      TRY(os::set_nonblocking(fd, true));
      TRY(os::set_close_on_exec(fd));
    }
    StreamConnection connection{std::make_unique<os::PipeStream>(std::move(in), std::move(out)),
                                std::nullopt};
    return open_stream(address, std::move(connection), pipe_traits, deadline);
  }
  os::Fd socket(numbers.in);
  TRY(os::set_close_on_exec(numbers.in));
  const bool packets = TRY(os::kind_of(numbers.in)) == os::DescriptorKind::packet_socket;
  const auto peer = TRY(os::peer_credentials(numbers.in));
  StreamConnection connection{std::make_unique<os::SocketStream>(std::move(socket), packets),
                              PeerInfo{peer.pid, peer.uid, peer.gid}};
  return open_stream(address, std::move(connection), socket_traits, deadline);
}

Result<std::unique_ptr<Acceptor>> listen(const Address& address) {
  return std::unexpected(Error(Errc::unsupported, "listen", address.to_string(),
                               "an open descriptor has its peer already: connect to it"));
}

std::vector<std::string> limits() {
  return {};
}

}  // namespace

const Transport fd_transport{
    .scheme = "fd",
    .mechanism = "descriptors that are open already",
    .place = "IN,OUT (two pipe ends) or N (a Unix socket)",
    .options = {"framing", "wait", "max-message-size", "require"},
    .general_traits = pipe_traits,
    .traits = traits,
    .connect = connect,
    .listen = listen,
    .child_ends = nullptr,
    .limits = limits,
};

}  // namespace tenon
