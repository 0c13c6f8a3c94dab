// A Unix datagram socket as other programs use it: one place to which anyone who may can send, and whose answers
// go to whoever spoke last; and a socket that sends to such a place. unix(7).
#pragma once

#include <functional>
#include <memory>
#include <mutex>
#include <string>
#include <string_view>

#include <tenon/os/credentials.hpp>
#include <tenon/os/unix_socket.hpp>

#include "os/packet_port.hpp"

namespace tenon::os {

/// Whether datagrams of this sender are read; others are dropped.
using SenderCheck = std::function<bool(const PeerCredentials&)>;

class Mailbox final : public PacketPort {
 public:
  /// `socket` is bound and must outlive this; it tells who sends (tell_senders()).
  Mailbox(int socket, std::size_t max_packet, SenderCheck may_send);

  /// To whoever sent the packet that was received last. EDESTADDRREQ: he has no name, or nobody has it any more.
  Transfer send(ByteView packet, std::span<const int> descriptors) noexcept override;
  Transfer receive(ByteSpan into, std::vector<Fd>& descriptors) noexcept override;
  std::size_t max_packet() const noexcept override { return max_packet_; }
  void close() noexcept override { socket_ = -1; }
  int read_fd() const noexcept override { return socket_; }
  int write_fd() const noexcept override { return socket_; }
  /// The kernel offers no wait for room in somebody else's mailbox: a pause.
  Result<void> wait(Wait what, Deadline deadline) override;

 private:
  struct Name;  ///< sockaddr_un and its length

  int socket_;
  std::size_t max_packet_;
  SenderCheck may_send_;
  std::mutex naming_;
  std::shared_ptr<Name> last_;
};

/// Makes the kernel tell who sends to `socket`. SO_PASSCRED.
Result<void> tell_senders(int socket);

/// The largest packet that `socket` sends now. SO_SNDBUF, less the kernel's own part.
Result<std::size_t> largest_packet(int socket);

/// A socket that sends to `place` and has a name to be answered at, which the kernel chose. Errors: as
/// UnixSocket::connect.
Result<Fd> connect_mailbox(std::string_view place, Deadline deadline);

/// The user to whom the socket file at `path` belongs. Errors: no_one_there.
Result<unsigned> owner_of_socket(const std::string& path);

}  // namespace tenon::os
