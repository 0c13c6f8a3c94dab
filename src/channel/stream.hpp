// Message channels over any stream of bytes: pipes, FIFOs, Unix sockets (stream and seqpacket), TCP. What is
// common to them; a transport adds rendezvous, and what its mechanism does differently.
#pragma once

#include <chrono>
#include <functional>
#include <memory>
#include <optional>

#include "channel/child_ends.hpp"
#include "channel/contract.hpp"
#include "channel/options.hpp"
#include "os/byte_stream.hpp"
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
  bool send_mine() noexcept;

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

/// The same, for a connection whose peer is a child to come.
ChildEnds::Open open_stream_to_child(const Address& address, StreamConnection connection, Traits traits);

/// What framing=lines and framing=raw leave of a stream transport's traits.
Traits traits_for_framing(Traits traits, Framing framing);

/// Accepts streams, and shakes hands with several at once.
Result<std::unique_ptr<Acceptor>> accept_streams(StreamListener listener, Traits traits);

}  // namespace tenon
