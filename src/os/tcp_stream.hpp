// Bytes over a connected TCP socket: keeps what was sent from being lost by a close, and notices a peer whose
// machine has gone silent. tcp(7).
//
// Does not own: how the two meet (TcpSocket, TcpListener).
#pragma once

#include <array>
#include <chrono>

#include <tenon/os/tcp_socket.hpp>

#include "os/byte_stream.hpp"

namespace tenon::os {

struct TcpStreamOptions {
  /// After so long without any answer the peer's machine counts as dead. Whole seconds, from 4 s.
  std::chrono::seconds dead_after{15};
  std::size_t capacity = 0;  ///< bytes of SO_SNDBUF and SO_RCVBUF; 0: the kernel's choice, which grows
};

class TcpStream final : public ByteStream {
 public:
  /// Sets TCP_NODELAY, keep-alive and what else finds a dead host. Errors: resource_limit (`capacity` is beyond
  /// net.core.wmem_max or rmem_max).
  static Result<std::unique_ptr<ByteStream>> create(TcpSocket socket, const TcpStreamOptions& options);

  Transfer read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override {
    if (into.size() == 1) return receive_bytes(read_fd(), {into[0].data, into[0].size});
    return socket_.read(into, descriptors);
  }
  Transfer glance(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override {
    return TcpStream::read(into, descriptors);
  }
  Transfer write(std::span<const Slice> from, std::span<const int> descriptors) noexcept override {
    return socket_.write(from, descriptors);
  }
  bool peer_has_ended() noexcept override;
  void finish() noexcept override { socket_.finish(); }
  Result<void> drain(Deadline deadline) override;
  void close() noexcept override { socket_.close(); }
  void abort() noexcept override { socket_.abort(); }
  int read_fd() const noexcept override { return socket_.read_fd(); }
  int write_fd() const noexcept override { return socket_.write_fd(); }
  bool keeps_packets() const noexcept override { return false; }
  Result<void> wait(Wait what, Deadline deadline) override;

 private:
  TcpStream(Fd socket, std::chrono::milliseconds dead_after) noexcept
      : socket_(std::move(socket), false),
        dead_after_(dead_after),
        next_look_{Deadline::in(dead_after / 4), Deadline::in(dead_after / 4)} {}

  bool is_silent() const noexcept;

  SocketStream socket_;
  std::chrono::milliseconds dead_after_;
  std::array<Deadline, 2> next_look_;  ///< of the thread that receives and the one that sends
};

}  // namespace tenon::os
