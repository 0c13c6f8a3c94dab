// Message channels over any stream of bytes: pipes, FIFOs, Unix sockets (stream and seqpacket), TCP. What is
// common to them; a transport adds rendezvous, and what its mechanism does differently.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>
#include <optional>

#include "channel/contract.hpp"
#include "channel/options.hpp"
#include "os/byte_stream.hpp"
#include "os/poll_set.hpp"
#include "wire/hello.hpp"

namespace tenon {

/// A byte stream to a peer, and what the mechanism knows of that peer.
struct StreamConnection {
  std::unique_ptr<os::ByteStream> stream;
  std::optional<PeerInfo> peer;
  /// How long a frame may take to arrive once it has begun: for mechanisms whose peers anyone can be. 0: no limit.
  std::chrono::nanoseconds frame_timeout{0};
};

/// A place where streams arrive.
struct StreamListener {
  /// Takes the next connection that waits, without waiting for one (timed_out). It may also refuse it.
  using AcceptFunction = std::move_only_function<Result<StreamConnection>(Deadline)>;

  Address address;        ///< with what the system chose filled in
  int fd = -1;            ///< readable when accept() may have something to do
  AcceptFunction accept;  ///< owns what `fd` belongs to
};

struct ChildEnds {
  StreamConnection ours;
  std::vector<os::Fd>
      theirs;  ///< one socket, or where to read and where to write; blocking, as any program expects
};

/// The exchange of hellos at the start of a framed stream. Both sides send theirs at once; there are no
/// roles.
class Handshake {
 public:
  explicit Handshake(StreamConnection connection, std::uint64_t max_message_size) noexcept
      : connection_(std::move(connection)), mine_(wire::encode_hello({max_message_size})) {}

  /// As much as can be done without waiting. True when both hellos have gone through.
  /// Errors: closed (the peer left), protocol_violation (it is not tenon, or another version).
  Result<bool> step();
  /// step() until done.
  Result<void> run(Deadline deadline);

  const os::ByteStream& stream() const noexcept { return *connection_.stream; }
  const wire::Hello& theirs() const noexcept { return hello_; }
  StreamConnection take() noexcept { return std::move(connection_); }

 private:
  StreamConnection connection_;
  std::array<std::byte, wire::hello_size> mine_;
  std::array<std::byte, wire::hello_size> received_{};
  std::size_t sent_ = 0;
  std::size_t got_ = 0;
  wire::Hello hello_;
};

/// A channel over `connection`, as the address's `framing` says: frames after a handshake (which may wait
/// until `deadline`), or lines or raw bytes at once. `traits` are those of the transport with
/// framing=message.
Result<std::unique_ptr<Endpoint>> open_stream(const Address& address, StreamConnection connection,
                                              Traits traits, Deadline deadline);

/// The framed channel over a connection whose handshake is done. `traits.max_message_size` is what the peer
/// takes.
std::unique_ptr<Endpoint> make_stream_endpoint(const Address& address, StreamConnection connection,
                                               Traits traits, const ChannelOptions& options);

/// What framing=lines and framing=raw leave of a stream transport's traits.
Traits traits_for_framing(Traits traits, Framing framing);

/// Accepts streams and shakes hands with several at once, so that a slow or silent client keeps nobody
/// waiting.
class StreamAcceptor final : public Acceptor {
 public:
  static Result<std::unique_ptr<Acceptor>> create(StreamListener listener, Traits traits);

  Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) override;
  Result<int> poll_fd() override { return poll_set_.fd(); }

 private:
  static constexpr std::size_t max_pending = 64;  ///< beyond it the oldest is dropped
  static constexpr int max_accepts_a_turn = 16;   ///< before those that are ready are looked at
  static constexpr std::chrono::nanoseconds handshake_time = std::chrono::seconds(1);

  struct Pending {
    Handshake handshake;
    Deadline deadline;
  };

  StreamAcceptor(StreamListener listener, Traits traits, ChannelOptions options, os::PollSet poll_set)
      : Acceptor(std::move(listener.address)),
        traits_(traits),
        options_(options),
        poll_set_(std::move(poll_set)),
        accept_(std::move(listener.accept)) {}

  Result<bool> take_waiting();
  Result<std::unique_ptr<Endpoint>> first_finished();
  std::list<Pending>::iterator drop(std::list<Pending>::iterator pending);
  Deadline next_expiry(Deadline deadline) const;

  Traits traits_;
  ChannelOptions options_;
  os::PollSet poll_set_;
  std::list<Pending> pending_;  // before accept_, which owns the listening socket
  StreamListener::AcceptFunction accept_;
};

}  // namespace tenon
