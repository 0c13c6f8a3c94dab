#include "channel/shm/shm.hpp"

#include <bit>
#include <charconv>

#include <tenon/units.hpp>

#include "base/try.hpp"
#include "channel/child_ends.hpp"
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

/// Of two that have a socket between them already.
constexpr Traits pair_traits{
    {Trait::message_boundaries, Trait::lossless, Trait::zero_copy, Trait::reports_peer_death,
     Trait::peer_credentials, Trait::pollable, Trait::hostile_peer_safe},
    default_max_message_size};

constexpr std::uint64_t default_capacity = 2 << 20;
/// Four messages of the default largest size: one is written, one read, others are on their way.
constexpr std::uint64_t default_arena = 4 * default_max_message_size;
constexpr std::uint64_t most_arena = 1ULL << 40;

struct ShmOptions {
  ChannelOptions channel;
  std::uint64_t capacity = default_capacity;
  int fd = -1;  ///< a socket that is connected already
  std::uint64_t arena = default_arena;
  os::Memfd::Pages pages = os::Memfd::Pages::small;

  ShmHello hello() const { return {capacity, channel.max_message_size, Fences::on_both_sides, arena}; }
};

std::unexpected<Error> bad_option(const Address& address, std::string_view name, std::string_view why) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(),
            std::string(name) + "=" + std::string(*address.option(name)) + ": " + std::string(why)));
}

/// The option of that name, or what it is by default.
Result<std::uint64_t> size_of(const Address& address, std::string_view name, std::uint64_t otherwise,
                              std::uint64_t least, std::uint64_t most, std::string_view range) {
  const auto text = address.option(name);
  if (!text) return otherwise;
  const auto size = parse_size(*text);
  if (!size) return bad_option(address, name, size.error().advice());
  if (*size < least || *size > most) return bad_option(address, name, range);
  return *size;
}

Result<int> fd_of(const Address& address) {
  const auto text = address.option("fd");
  if (!text) return -1;
  int fd = -1;
  const auto [end, problem] = std::from_chars(text->data(), text->data() + text->size(), fd);
  if (problem != std::errc{} || end != text->data() + text->size() || fd < 0)
    return bad_option(address, "fd", "write the number of a connected Unix stream socket");
  if (!address.place().empty())
    return bad_option(address, "fd",
                      "a socket that is connected has no place: write shm:?fd=" + std::to_string(fd));
  return fd;
}

Result<os::Memfd::Pages> pages_of(const Address& address) {
  const auto text = address.option("huge-pages").value_or("no");
  if (text == "no") return os::Memfd::Pages::small;
  if (text != "yes") return bad_option(address, "huge-pages", "it is yes or no");
  if (const auto allowed = os::Memfd::huge_pages_allowed(); !allowed)
    return std::unexpected(allowed.error().with("ask for huge pages", address.to_string()));
  return os::Memfd::Pages::huge;
}

Result<ShmOptions> options_of(const Address& address) {
  return ShmOptions{TRY(ChannelOptions::from(address)),
                    std::bit_ceil(TRY(size_of(address, "capacity", default_capacity, shm::least_capacity,
                                              shm::most_capacity, "it is 4K to 1G"))),
                    TRY(fd_of(address)),
                    TRY(size_of(address, "arena", default_arena, 0, most_arena, "it is 0 (none) to 1T")),
                    TRY(pages_of(address))};
}

const Traits& traits_at(const Address& address) noexcept {
  return address.place().empty() ? pair_traits : shm_traits;
}

Result<Traits> traits(const Address& address) {
  static_cast<void>(TRY(NameOptions::from(address)));
  static_cast<void>(TRY(options_of(address)));
  return traits_at(address);
}

PeerInfo info_of(const os::PeerCredentials& peer) noexcept {
  return {peer.pid, peer.uid, peer.gid};
}

Result<std::unique_ptr<Endpoint>> open(const Address& address, Introduction& introduction,
                                       const ShmOptions& options) {
  Traits traits = traits_at(address);
  traits.max_message_size = introduction.theirs_max_message_size();
  RingConnection connection = introduction.take();
  connection.pages = options.pages;
  return make_ring_endpoint(address, std::move(connection), traits, options.channel);
}

/// The introduction over a connected socket, and the channel after it.
Result<std::unique_ptr<Endpoint>> meet(const Address& address, Introduction::Role role, os::Fd socket,
                                       const PeerInfo& peer, const ShmOptions& options, Deadline deadline) {
  Introduction introduction(role, std::move(socket), peer, options.hello());
  if (auto done = introduction.run(deadline); !done) {
    const Error& error = done.error();
    if (error.code() != Errc::closed) return std::unexpected(error.with("connect", address.to_string()));
    return std::unexpected(
        Error(Errc::no_one_there, "connect", address.to_string(), "the peer closed during the handshake"));
  }
  return open(address, introduction, options);
}

// ---- Over a socket that both have already: a child and its parent

/// A copy of our own, so that after an error the caller has the descriptor still.
Result<std::unique_ptr<Endpoint>> adopt(const Address& address, const ShmOptions& options,
                                        Deadline deadline) {
  const auto about = [&](const Error& error) {
    return std::unexpected(error.with("connect", address.to_string()));
  };
  const auto kind = os::kind_of(options.fd);
  if (!kind) return about(kind.error());
  if (*kind != os::DescriptorKind::stream_socket) {
    return std::unexpected(
        Error(Errc::invalid_argument, "connect", address.to_string(),
              "descriptor " + std::to_string(options.fd) + " is not a Unix stream socket"));
  }
  const auto peer = os::peer_credentials(options.fd);
  if (!peer) return about(peer.error());
  auto copy = os::duplicate(options.fd);
  if (!copy) return about(copy.error());
  auto endpoint =
      TRY(meet(address, Introduction::Role::connecting, std::move(*copy), info_of(*peer), options, deadline));
  const os::Fd taken_over(options.fd);
  return endpoint;
}

Result<ChildEnds> child_ends(const Address& address) {
  if (!address.place().empty() || address.option("fd")) {
    return std::unexpected(Error(Errc::invalid_argument, "spawn", address.to_string(),
                                 "a channel to a child has no place and no descriptor yet: write shm:"));
  }
  const ShmOptions options = TRY(options_of(address));
  auto [ours, theirs] = TRY(os::UnixSocket::pair());
  PeerInfo peer = info_of(TRY(ours.peer_credentials()));  // our own, but for the pid
  ChildEnds ends;
  ends.ours = [=, socket = ours.release()](int child, Deadline deadline) mutable {
    peer.pid = child;
    return meet(address, Introduction::Role::listening, std::move(socket), peer, options, deadline);
  };
  ends.theirs.push_back(theirs.release());
  ends.address = "shm:?fd=";
  ends.passed_on.push_back("capacity");
  return ends;
}

// ---- At a name

Result<std::unique_ptr<Endpoint>> connect(const Address& address, Deadline deadline) {
  const ShmOptions options = TRY(options_of(address));
  if (options.fd >= 0) return adopt(address, options, deadline);
  auto peer = TRY(dial_socket(address, os::SocketType::stream, deadline));
  return meet(address, Introduction::Role::connecting, peer.socket.release(), info_of(peer.credentials),
              options, deadline);
}

class ShmGreeting final : public Greeting {
 public:
  ShmGreeting(SocketPeer peer, const ShmOptions& options)
      : introduction_(Introduction::Role::listening, peer.socket.release(), info_of(peer.credentials),
                      options.hello()),
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
  if (options.fd >= 0) {
    return std::unexpected(Error(Errc::unsupported, "listen", address.to_string(),
                                 "a socket that is connected has its peer already: connect to it"));
  }
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
    .options = {"fd", "mode", "group", "owner", "capacity", "arena", "huge-pages", "wait", "max-message-size",
                "require"},
    .general_traits = shm_traits,
    .traits = traits,
    .connect = connect,
    .listen = listen,
    .child_ends = child_ends,
    .limits = limits,
};

}  // namespace tenon
