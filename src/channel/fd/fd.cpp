#include "channel/fd/fd.hpp"

#include <charconv>

#include <tenon/os/credentials.hpp>

#include "base/try.hpp"
#include "channel/stream.hpp"

namespace tenon {
namespace {

constexpr Traits pipe_traits{{Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death,
                              Trait::pollable, Trait::hostile_peer_safe, Trait::raw_bytes},
                             default_max_message_size};
constexpr Traits socket_traits{
    {Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death, Trait::peer_credentials,
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

/// Copies of our own, so that after an error the caller has the descriptors still.
Result<StreamConnection> connection_of(const Descriptors& numbers, bool socket) {
  os::Fd in = TRY(os::duplicate(numbers.in));
  if (!socket) {
    os::Fd out = TRY(os::duplicate(numbers.out));
    TRY(os::set_nonblocking(in.get(), true));
    TRY(os::set_nonblocking(out.get(), true));
    return StreamConnection{std::make_unique<os::PipeStream>(std::move(in), std::move(out)), std::nullopt};
  }
  const bool packets = TRY(os::kind_of(in.get())) == os::DescriptorKind::packet_socket;
  const auto peer = TRY(os::peer_credentials(in.get()));
  return StreamConnection{std::make_unique<os::SocketStream>(std::move(in), packets),
                          PeerInfo{peer.pid, peer.uid, peer.gid}};
}

Result<std::unique_ptr<Endpoint>> connect(const Address& address, Deadline deadline) {
  const Descriptors numbers = TRY(descriptors_of(address));
  const bool socket = TRY(is_socket(address, numbers));
  auto endpoint = TRY(open_stream(address, TRY(connection_of(numbers, socket)),
                                  socket ? socket_traits : pipe_traits, deadline));
  const os::Fd in(numbers.in);  // taken over: closed here, our copies go on
  const os::Fd out(socket ? -1 : numbers.out);
  return endpoint;
}

Result<std::unique_ptr<Acceptor>> listen(const Address& address) {
  return std::unexpected(Error(Errc::unsupported, "listen", address.to_string(),
                               "an open descriptor has its peer already: connect to it"));
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
};

}  // namespace tenon
