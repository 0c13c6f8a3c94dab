// Datagrams with a header: told apart from those of strangers by a token, numbered so that what is lost is
// counted and nothing comes twice, and with an end that can be said. Nothing is sent again.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>

#include "os/packet_port.hpp"
#include "wire/datagram.hpp"

namespace tenon {

/// Who is who on a connection: each side has given itself a number that only the other was told.
struct Tokens {
  std::uint64_t ours = 0;
  std::uint64_t theirs = 0;
};

class NumberedPort final : public os::PacketPort {
 public:
  /// `socket` is connected; it carries datagrams of at most `max_datagram` bytes. A listener goes on answering
  /// a client that has not heard its welcome.
  NumberedPort(os::Fd socket, std::size_t max_datagram, Tokens tokens, bool is_listener) noexcept
      : socket_(std::move(socket)),
        max_packet_(max_datagram - wire::datagram_header_size),
        tokens_(tokens),
        is_listener_(is_listener) {}

  os::Transfer send(ByteView packet, std::span<const int> descriptors) noexcept override;
  os::Transfer receive(ByteSpan into, std::vector<os::Fd>& descriptors) noexcept override;
  std::size_t headroom() const noexcept override { return wire::datagram_header_size; }
  std::size_t max_packet() const noexcept override { return max_packet_; }
  os::Transfer finish() noexcept override;
  void wake() noexcept override { os::end_reading(socket_.get()); }
  void close() noexcept override;
  std::uint64_t lost() const noexcept override { return lost_; }
  int read_fd() const noexcept override { return socket_.get(); }
  int write_fd() const noexcept override { return socket_.get(); }

  void welcome() noexcept;

 private:
  os::Transfer send_datagram(wire::DatagramKind kind, ByteView payload) noexcept;
  bool is_next(const wire::DatagramHeader& header) noexcept;

  os::Fd socket_;
  std::size_t max_packet_;
  Tokens tokens_;
  bool is_listener_;
  std::uint32_t sent_ = 0;  ///< messages; the sending thread's
  bool finished_ = false;
  std::array<std::byte, wire::datagram_header_size + 2048> staged_;  ///< short datagrams, as they go
  std::uint32_t expected_ = 0;  ///< the next number; the receiving thread's, as what follows
  std::uint64_t lost_ = 0;
  bool ended_ = false;
};

}  // namespace tenon
