// Whole packets, out and in, without blocking: the one thing that the channel code knows of a datagram socket,
// or of a message queue that other programs use. Not public: programs use os::UdpSocket, os::PosixQueue and
// their kin.
#pragma once

#include <cstddef>
#include <span>
#include <vector>

#include <tenon/bytes.hpp>
#include <tenon/os/fd.hpp>

#include "os/byte_stream.hpp"
#include "os/wait.hpp"

namespace tenon::os {

/// Two directions of packets. Each direction may be used by one thread at a time.
class PacketPort {
 public:
  virtual ~PacketPort() = default;

  /// One packet, whole or not at all; it may be empty. Never raises SIGPIPE. `descriptors` travel with it.
  /// Transfer::would_block(): there is no room. broken(): nobody receives there any more. EMSGSIZE: it is
  /// larger than the mechanism carries. EOPNOTSUPP, from receive() too: the port goes one way, and has gone
  /// the other.
  virtual Transfer send(ByteView packet, std::span<const int> descriptors) noexcept = 0;
  /// One packet into room for headroom() + max_packet() bytes, behind the first headroom(); count 0 without an
  /// error is an empty one. Descriptors that came along are appended as far as the capacity goes, and closed
  /// beyond: nothing is allocated here.
  /// EPIPE: the peer has ended in order, and nothing more will come. Any other broken(): the peer is gone, but
  /// packets may be left to read. lost_part(): something arrived that did not fit, and is lost.
  virtual Transfer receive(ByteSpan into, std::vector<Fd>& descriptors) noexcept = 0;
  /// Bytes in front of a packet that receive() needs for itself. It does not change, nor does max_packet().
  virtual std::size_t headroom() const noexcept { return 0; }
  /// The largest packet, in bytes.
  virtual std::size_t max_packet() const noexcept = 0;

  /// Tells the peer that nothing more will come, where the mechanism can say so.
  virtual Transfer finish() noexcept { return {}; }
  /// Lets a wait for a packet in another thread end, after a send has found the peer gone.
  virtual void wake() noexcept {}
  /// Gives up its descriptors.
  virtual void close() noexcept = 0;
  /// Packets that were sent to us and never came, as far as the mechanism can count them.
  virtual std::uint64_t lost() const noexcept { return 0; }

  /// Whether receive() would give something although read_fd() is not readable: packets in this object's memory.
  virtual bool holds_more() const noexcept { return false; }
  /// To wait for a packet, and for room; -1 for a mechanism that overrides wait() and cannot be polled.
  virtual int read_fd() const noexcept = 0;
  virtual int write_fd() const noexcept = 0;
  /// Readable once the peer is gone, for a mechanism whose read_fd() does not tell; otherwise -1. From then on
  /// receive() gives what is left and then EPIPE or another broken() error, and so does send().
  virtual int peer_fd() const noexcept { return -1; }
  /// Sleeps until a packet (or room) may be there, or the peer is gone. Errors: timed_out, cancelled.
  virtual Result<void> wait(Wait what, Deadline deadline) {
    return wait_for_either(what == Wait::readable ? read_fd() : write_fd(), what, peer_fd(), deadline);
  }
};

}  // namespace tenon::os
