// A stream of packets over Unix datagram sockets, in which neither side hears of the other's end by itself.
//
// Each direction has a pair of sockets of its own: sending to a peer that is gone makes the kernel throw away
// what had arrived on the sending socket, so nothing must ever arrive there. That the peer is gone, by closing
// or by dying, shows on a third socket, a line over which nothing is said. Does not own how the two met
// (datagram_door.hpp).
#pragma once

#include "os/byte_stream.hpp"

namespace tenon::os {

/// What one side of a connection holds.
struct DatagramEnds {
  Fd in;    ///< where packets of the peer arrive; nothing is sent here
  Fd out;   ///< where ours go
  Fd line;  ///< a connected stream socket: hangs up with the last descriptor of the peer's end
};

class DatagramStream final : public ByteStream {
 public:
  explicit DatagramStream(DatagramEnds ends) noexcept : ends_(std::move(ends)) {}

  Transfer read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override;
  Transfer glance(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override {
    return reader_.read(ends_.in.get(), into, descriptors);
  }
  Transfer write(std::span<const Slice> from, std::span<const int> descriptors) noexcept override;
  /// Says nothing to the peer: what was written must tell that it was all.
  void finish() noexcept override { ends_.out.reset(); }
  void close() noexcept override { ends_ = {}; }
  void abort() noexcept override;
  int read_fd() const noexcept override { return ends_.in.get(); }
  int write_fd() const noexcept override { return ends_.out.get(); }
  int peer_fd() const noexcept override { return ends_.line.get(); }
  bool keeps_packets() const noexcept override { return true; }
  bool holds_more() noexcept override { return reader_.holds_more(); }

 private:
  bool peer_is_gone() const noexcept;

  DatagramEnds ends_;
  PacketReader reader_;
};

}  // namespace tenon::os
