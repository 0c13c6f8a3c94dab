#include "channel/shm/shm.hpp"

#include <bit>

#include <tenon/units.hpp>

#include "base/try.hpp"
#include "channel/greeting.hpp"
#include "channel/shm/introduction.hpp"
#include "channel/socket_place.hpp"
#include "os/limits.hpp"

namespace tenon {
namespace {

constexpr Traits shm_traits{{Trait::message_boundaries, Trait::lossless, Trait::zero_copy,
                             Trait::reports_peer_death, Trait::peer_credentials, Trait::pollable,
                             Trait::unrelated_processes, Trait::many_peers, Trait::hostile_peer_safe},
                            default_max_message_size};

constexpr std::uint64_t default_capacity = 256 << 10;

struct ShmOptions {
  ChannelOptions channel;
  std::uint64_t capacity = default_capacity;
};

Result<ShmOptions> options_of(const Address& address) {
  ShmOptions options{TRY(ChannelOptions::from(address))};
  const auto text = address.option("capacity");
  if (!text) return options;
  const auto bad = [&](std::string_view why) {
    return std::unexpected(Error(Errc::invalid_argument, "parse address", address.to_string(),
                                 "capacity=" + std::string(*text) + ": " + std::string(why)));
  };
  const auto size = parse_size(*text);
  if (!size) return bad(size.error().advice());
  if (*size < shm::least_capacity || *size > shm::most_capacity) return bad("it is 4K to 1G");
  options.capacity = std::bit_ceil(*size);
  return options;
}

Result<Traits> traits(const Address& address) {
  static_cast<void>(TRY(NameOptions::from(address)));
  static_cast<void>(TRY(options_of(address)));
  return shm_traits;
}

PeerInfo info_of(const os::PeerCredentials& peer) noexcept {
  return {peer.pid, peer.uid, peer.gid};
}

Result<std::unique_ptr<Endpoint>> open(const Address& address, Introduction& introduction,
                                       const ShmOptions& options) {
  Traits traits = shm_traits;
  traits.max_message_size = introduction.theirs_max_message_size();
  return make_ring_endpoint(address, introduction.take(), traits, options.channel);
}

Result<std::unique_ptr<Endpoint>> connect(const Address& address, Deadline deadline) {
  const ShmOptions options = TRY(options_of(address));
  auto peer = TRY(dial_socket(address, os::SocketType::stream, deadline));
  Introduction introduction(Introduction::Role::connecting, peer.socket.release(), info_of(peer.credentials),
                            options.capacity, options.channel.max_message_size);
  if (auto done = introduction.run(deadline); !done) {
    const Error& error = done.error();
    const bool gone = error.code() == Errc::closed;
    return std::unexpected(
        Error(gone ? Errc::no_one_there : error.code(), "connect", address.to_string(),
              gone ? "the peer closed during the handshake" : std::string(error.advice())));
  }
  return open(address, introduction, options);
}

class ShmGreeting final : public Greeting {
 public:
  ShmGreeting(SocketPeer peer, const ShmOptions& options)
      : introduction_(Introduction::Role::listening, peer.socket.release(), info_of(peer.credentials),
                      options.capacity, options.channel.max_message_size),
        options_(options) {}

  Result<bool> step() override { return introduction_.step(); }
  Result<std::unique_ptr<Endpoint>> finish(const Address& address, Deadline) override {
    return open(address, introduction_, options_);
  }
  const os::ByteStream& stream() const noexcept override { return introduction_.stream(); }

 private:
  Introduction introduction_;
  ShmOptions options_;
};

Result<std::unique_ptr<Acceptor>> listen(const Address& address) {
  const ShmOptions options = TRY(options_of(address));
  SocketDoor door = TRY(bind_socket(address, os::SocketType::stream));
  const int fd = door.fd;
  auto next = [=, door = std::move(door)]() mutable -> Result<std::unique_ptr<Greeting>> {
    return std::make_unique<ShmGreeting>(TRY(door.accept(Deadline::now())), options);
  };
  return GreetingAcceptor::create(address, fd, std::move(next));
}

std::vector<std::string> limits() {
  return {
      os::limit_line("net.core.somaxconn", "connections that wait for accept"),
      os::limit_line("vm.max_map_count", "mappings of a process; a channel has 6"),
  };
}

}  // namespace

const Transport shm_transport{
    .scheme = "shm",
    .mechanism = "shared memory (memfd), introduced at a Unix socket",
    .place = "/path, or @name without a file",
    .options = {"mode", "group", "owner", "capacity", "wait", "max-message-size", "require"},
    .general_traits = shm_traits,
    .traits = traits,
    .connect = connect,
    .listen = listen,
    .limits = limits,
};

}  // namespace tenon
