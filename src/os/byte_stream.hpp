// Non-blocking reads and writes on what carries bytes between two processes: the one thing that the channel
// code knows of pipes and sockets. Not public: programs use os::Pipe, os::UnixSocket and their kin.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <span>
#include <vector>

#include <tenon/os/fd.hpp>

#include "os/poll_set.hpp"
#include "os/waiter.hpp"

namespace tenon::os {

/// A piece of memory in a scattered read or gathered write. Laid out as iovec.
struct Slice {
  std::byte* data;
  std::size_t size;
};

/// What a read or write did: bytes, or the errno that stopped it (would_block() when it is only not ready).
struct Transfer {
  std::size_t count = 0;
  int error = 0;

  bool would_block() const noexcept;
  /// The other end is gone, whatever the reason.
  bool broken() const noexcept;
  /// The stream goes one way, and this is the other.
  bool wrong_way() const noexcept;
  /// Something arrived that did not fit and is lost: a packet's end, or descriptors.
  bool lost_part() const noexcept;
};

/// One read brings so many packets at most, where those are kept.
inline constexpr std::size_t most_packets = 3;

/// Two directions of bytes. Each direction may be used by one thread at a time.
class ByteStream {
 public:
  virtual ~ByteStream() = default;

  /// One read. 0 bytes without error is the end. Descriptors that came along are appended to `descriptors` as
  /// far as its capacity goes, and closed beyond: nothing is allocated here.
  virtual Transfer read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept = 0;
  /// As read(), between two tries of a wait that does not sleep: may leave out to ask whether the peer is gone.
  virtual Transfer glance(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept {
    return read(into, descriptors);
  }
  /// One write; never raises SIGPIPE. `descriptors` travel with the first byte.
  virtual Transfer write(std::span<const Slice> from, std::span<const int> descriptors) noexcept = 0;
  /// Ends the outgoing direction: the peer reads what was written, then the end.
  virtual void finish() noexcept = 0;
  /// Whether the peer has ended its direction already, for a mechanism that accepts connections whose makers have
  /// given up. May be false where only reading tells.
  virtual bool peer_has_ended() noexcept { return false; }
  /// After finish(), before close(): waits until closing costs nothing that was sent. What arrives meanwhile is
  /// thrown away. Errors: timed_out, cancelled.
  virtual Result<void> drain(Deadline) { return {}; }
  /// Gives up both descriptors.
  virtual void close() noexcept = 0;
  /// Disconnects a peer that broke the rules, as far as that is safe while another thread writes: a socket at
  /// once, a pipe when it is destroyed.
  virtual void abort() noexcept = 0;
  /// To wait for readability or writability; -1 after finish().
  virtual int read_fd() const noexcept = 0;
  virtual int write_fd() const noexcept = 0;
  /// A write is taken whole or not at all, and a read returns whole writes, side by side (SOCK_SEQPACKET).
  virtual bool keeps_packets() const noexcept = 0;

  /// Readable once the peer is gone, for a mechanism whose read_fd() does not tell; otherwise -1. From then on
  /// reads give what is left and then the end, and writes fail with EPIPE.
  virtual int peer_fd() const noexcept { return -1; }
  /// Opens what read_fd() tells about, for a stream that opens its ends when they are first used. 0 or the cause.
  virtual int prepare_to_read() noexcept { return 0; }
  /// Whether a read would give something although read_fd() is not readable: bytes in this object's memory.
  virtual bool holds_more() noexcept { return false; }
  /// Sleeps until a read (or write) may do something, or the peer is gone, whatever the last glance() left out.
  /// Errors: timed_out, cancelled.
  virtual Result<void> wait(Wait what, Deadline deadline);
};

/// Before another try: as `waiter` sees fit.
Result<void> pause(Waiter& waiter, ByteStream& stream, Wait what, Deadline deadline);
/// Adds the descriptors that tell about reading from `stream`, or takes them out.
Result<void> watch(PollSet& set, const ByteStream& stream);
void unwatch(PollSet& set, const ByteStream& stream) noexcept;

/// Over two pipe ends (or FIFOs). Both must be non-blocking.
class PipeStream final : public ByteStream {
 public:
  PipeStream(Fd in, Fd out) noexcept : in_(std::move(in)), out_(std::move(out)) {}

  Transfer read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override;
  Transfer glance(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override;
  Transfer write(std::span<const Slice> from, std::span<const int> descriptors) noexcept override;
  void finish() noexcept override { out_.reset(); }
  void close() noexcept override {
    out_.reset();
    in_.reset();
  }
  void abort() noexcept override {}
  int read_fd() const noexcept override { return in_.get(); }
  int write_fd() const noexcept override { return out_.get(); }
  bool keeps_packets() const noexcept override { return false; }

 private:
  Fd in_;
  Fd out_;
};

/// Takes packets off one socket: several with one call while they are short and come faster than they are read.
class PacketReader {
 public:
  /// As receive_message(); a read into one slice may return several packets.
  Transfer read(int socket, std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept;
  /// The next read only tells what came behind the packets of the last one: the end, or a packet that was cut.
  bool holds_more() const noexcept { return held_.has_value(); }

 private:
  Transfer read_several(int socket, Slice into, std::size_t count, std::vector<Fd>& descriptors) noexcept;

  unsigned in_a_row_ = 0;  ///< short packets that were there when they were asked for
  std::optional<Transfer> held_;
};

/// Over a connected socket: SOCK_STREAM, or SOCK_SEQPACKET when `packets`. Blocking or not does not matter.
class SocketStream final : public ByteStream {
 public:
  SocketStream(Fd socket, bool packets) noexcept : socket_(std::move(socket)), packets_(packets) {}
  /// Gives the socket away.
  [[nodiscard]] Fd release() noexcept { return std::move(socket_); }

  Transfer read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override;
  Transfer glance(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override;
  Transfer write(std::span<const Slice> from, std::span<const int> descriptors) noexcept override;
  void finish() noexcept override;
  void close() noexcept override { socket_.reset(); }
  void abort() noexcept override;
  int read_fd() const noexcept override { return socket_.get(); }
  int write_fd() const noexcept override { return socket_.get(); }
  bool keeps_packets() const noexcept override { return packets_; }
  bool holds_more() noexcept override { return reader_.holds_more(); }

 private:
  Fd socket_;
  bool packets_;
  PacketReader reader_;
};

/// One message carries so many at most: more are lost.
inline constexpr std::size_t most_descriptors_at_once = 4;
/// Whether what is received stays there to be received again.
enum class Leave : std::uint8_t { nothing, all };
/// recvmsg(2) and sendmsg(2) without waiting, on a connected socket of any kind, as ByteStream::read and write.
Transfer receive_message(int socket, std::span<const Slice> into, std::vector<Fd>& descriptors,
                         Leave leave = Leave::nothing) noexcept;
/// The same where no descriptors can come, into one piece: recv(2) takes less time.
Transfer receive_bytes(int socket, ByteSpan into) noexcept;
Transfer receive_datagram(int socket, ByteSpan into) noexcept;
Transfer send_message(int socket, std::span<const Slice> from, std::span<const int> descriptors) noexcept;
/// Lets waits for something to read end, in other threads too. shutdown(2).
void end_reading(int socket) noexcept;

/// Asks for `bytes` of room for what this socket sends. SO_SNDBUF, socket(7). Errors: resource_limit when the
/// kernel gives less (it names net.core.wmem_max).
Result<void> set_send_buffer(int socket, std::size_t bytes);

enum class DescriptorKind : std::uint8_t { pipe, stream_socket, packet_socket, other };
/// What `fd` is: a pipe or FIFO, a connected Unix socket of that type, or neither. Errors: invalid_argument
/// (not open).
Result<DescriptorKind> kind_of(int fd);

}  // namespace tenon::os
