#include "channel/fifo/fifo.hpp"

#include <tenon/os/pipe.hpp>
#include <tenon/units.hpp>

#include "base/try.hpp"
#include "channel/fifo/plain.hpp"
#include "channel/fifo/request.hpp"
#include "channel/stream.hpp"
#include "os/fifo_place.hpp"
#include "os/fifo_stream.hpp"
#include "os/limits.hpp"
#include "os/users.hpp"

namespace tenon {
namespace {

constexpr Traits framed_traits{
    {Trait::message_boundaries, Trait::lossless, Trait::reports_peer_death, Trait::pollable,
     Trait::unrelated_processes, Trait::many_peers, Trait::hostile_peer_safe, Trait::raw_bytes},
    default_max_message_size};

struct FifoOptions {
  Framing framing = Framing::message;
  os::TrustedOwner trusted;
  std::optional<std::size_t> capacity;
};

std::unexpected<Error> bad(const Address& address, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
}

Result<FifoOptions> options_of(const Address& address) {
  FifoOptions options;
  if (address.place().empty()) return bad(address, "name the pipe: fifo:/path/to/it");
  options.framing = TRY(ChannelOptions::from(address)).framing;
  if (const auto owner = address.option("owner")) {
    options.trusted.anyone = *owner == "any";
    if (!options.trusted.anyone) options.trusted.user = TRY(os::user_id(std::string(*owner)));
  }
  if (const auto capacity = address.option("capacity")) {
    const auto size = parse_size(*capacity);
    if (!size) return bad(address, "capacity: " + std::string(size.error().advice()));
    if (options.framing != Framing::message) {
      return bad(address, "capacity= is for connections: without frames the pipe is other programs' too");
    }
    options.capacity = *size;
  }
  return options;
}

Result<Traits> traits(const Address& address) {
  static_cast<void>(TRY(NameOptions::from(address)));
  const Framing framing = TRY(ChannelOptions::from(address)).framing;
  Traits kept = traits_for_framing(framed_traits, framing);
  kept.one_way = framing != Framing::message;
  if (kept.one_way) kept.set.remove(Trait::many_peers);
  return kept;
}

Error at(const Address& address, std::string_view operation, const Error& error) {
  return error.with(operation, address.to_string());
}

Result<void> set_capacity(int pipe, const FifoOptions& options) {
  if (options.capacity) {
    static_cast<void>(TRY(os::resize_pipe(pipe, *options.capacity)));
  } else {
    os::enlarge_pipe(pipe);
  }
  return {};
}

// ---- Connecting

/// One write that is taken whole or not at all.
Result<void> request(int door, const os::FifoToken& token, Deadline deadline) {
  const FifoRequest bytes = encode_request(token);
  static_assert(fifo_request_size <= os::pipe_atomic_write_size);
  const auto written = os::write_some(door, bytes, deadline);
  if (written) return {};
  if (written.error().code() == Errc::closed) {
    return std::unexpected(
        Error(Errc::no_one_there, "connect", {}, "the listener has just ended: start it again"));
  }
  const bool late = written.error().code() == Errc::timed_out;
  return std::unexpected(
      written.error().with("connect", {}, late ? "the listener is there but does not read requests" : ""));
}

Result<StreamConnection> dial_private(const Address& address, const FifoOptions& options, Deadline deadline) {
  const std::string place(address.place());
  os::Fd door = TRY(os::open_door(place, options.trusted));
  const os::FifoToken token = TRY(os::random_token());
  auto pair = TRY(os::FifoPair::make(place, options.trusted, token));
  TRY(set_capacity(pair.ends.out.get(), options));
  TRY(request(door.get(), token, deadline));
  return StreamConnection{std::make_unique<os::RequestedStream>(std::move(pair), std::move(door)), {}};
}

Result<StreamConnection> dial(const Address& address, Deadline deadline) {
  const FifoOptions options = TRY(options_of(address));
  auto connection = options.framing == Framing::message ? dial_private(address, options, deadline)
                                                        : dial_plain(address, options.trusted);
  if (!connection) return std::unexpected(at(address, "connect", connection.error()));
  return connection;
}

// ---- Listening

/// Takes requests off the listener's pipe, one at a time.
class Doorkeeper {
 public:
  Doorkeeper(std::unique_ptr<os::FifoPlace> place, FifoOptions options)
      : place_(std::move(place)), options_(options) {}

  Result<StreamConnection> accept(Deadline deadline);

 private:
  static constexpr int max_reads = 64;  ///< of garbage, before others get a turn

  std::unique_ptr<os::FifoPlace> place_;
  FifoOptions options_;
  RequestScanner scanner_;
};

Result<StreamConnection> Doorkeeper::accept(Deadline deadline) {
  for (int turn = 0; turn < max_reads; ++turn) {
    scanner_.filled(TRY(os::read_some(place_->requests(), scanner_.room(), deadline)));
    const auto token = scanner_.next();
    if (!token) continue;
    os::FifoEnds ends = TRY(place_->folder().open(*token));
    TRY(set_capacity(ends.out.get(), options_));
    return StreamConnection{std::make_unique<os::PipeStream>(std::move(ends.in), std::move(ends.out)), {}};
  }
  return std::unexpected(Error(Errc::protocol_violation, "accept"));
}

Result<StreamListener> bind_door(const Address& address, const os::FifoPlace::Options& name,
                                 const FifoOptions& options) {
  auto place = TRY(os::FifoPlace::take_door(address.place(), name));
  const int fd = place->requests();
  return StreamListener{address, fd,
                        [keeper = Doorkeeper(std::move(place), options)](Deadline deadline) mutable {
                          return keeper.accept(deadline);
                        }};
}

Result<StreamListener> bind(const Address& address) {
  const FifoOptions options = TRY(options_of(address));
  const NameOptions name = TRY(NameOptions::from(address));
  if (options.capacity) {  // what would fail with every client fails at once
    auto trial = TRY(os::Pipe::create());
    if (auto resized = trial.resize(*options.capacity); !resized) {
      return std::unexpected(at(address, "set capacity of", resized.error()));
    }
  }
  const os::FifoPlace::Options taken{name.mode, name.group};
  auto listener =
      options.framing == Framing::message ? bind_door(address, taken, options) : bind_plain(address, taken);
  if (!listener) return std::unexpected(at(address, "listen", listener.error()));
  return listener;
}

std::vector<std::string> limits() {
  return {
      os::limit_line("fs.pipe-max-size", "bytes; the largest capacity= of an ordinary user"),
      os::limit_line("fs.pipe-user-pages-soft",
                     "pages in all pipes of a user, 64 for each direction of a channel; beyond it new pipes "
                     "hold 8 KiB or less"),
      "PIPE_BUF = " + std::to_string(os::pipe_atomic_write_size) +
          " (bytes; with framing=raw or framing=lines, what several writers write at once is not mixed up to "
          "this size)",
  };
}

}  // namespace

const Transport fifo_transport{
    .scheme = "fifo",
    .mechanism = "named pipes (FIFOs)",
    .place = "/path",
    .options = {"mode", "group", "owner", "capacity", "framing", "wait", "max-message-size", "require"},
    .general_traits = framed_traits,
    .traits = traits,
    .dial = dial,
    .bind = bind,
    .limits = limits,
};

}  // namespace tenon
