// Packets over a connected datagram socket: UDP, or a Unix one.
#pragma once

#include "os/packet_port.hpp"

namespace tenon::os {

class DatagramPort final : public PacketPort {
 public:
  /// `socket` is connected, or one of a pair; blocking or not does not matter.
  DatagramPort(Fd socket, std::size_t max_packet) noexcept
      : socket_(std::move(socket)), max_packet_(max_packet) {}

  Transfer send(ByteView packet, std::span<const int> descriptors) noexcept override;
  Transfer receive(ByteSpan into, std::vector<Fd>& descriptors) noexcept override;
  std::size_t max_packet() const noexcept override { return max_packet_; }
  void wake() noexcept override { end_reading(socket_.get()); }
  void close() noexcept override { socket_.reset(); }
  int read_fd() const noexcept override { return socket_.get(); }
  int write_fd() const noexcept override { return socket_.get(); }

 private:
  Fd socket_;
  std::size_t max_packet_;
};

}  // namespace tenon::os
