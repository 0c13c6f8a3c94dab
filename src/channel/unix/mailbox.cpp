// unix: with type=dgram and framing=raw: datagrams as they are, with programs that know nothing of tenon.
#include <atomic>

#include "base/try.hpp"
#include "channel/packet_endpoint.hpp"
#include "channel/unix/unix_options.hpp"
#include "os/backoff.hpp"
#include "os/datagram_port.hpp"
#include "os/mailbox.hpp"
#include "os/poll_set.hpp"

namespace tenon {
namespace {

const char* const limit =
    "a datagram must fit into the send buffer: split the message, or ask for more with capacity= "
    "(net.core.wmem_default without it, at most net.core.wmem_max)";

/// The socket, which channels borrow one after the other.
struct Box {
  os::UnixSocket socket;
  std::atomic<bool> borrowed = false;
};

/// A Mailbox that gives the socket back.
class BorrowedBox final : public os::PacketPort {
 public:
  BorrowedBox(std::shared_ptr<Box> box, std::size_t max_packet, os::SenderCheck may_send)
      : box_(std::move(box)), port_(box_->socket.fd(), max_packet, std::move(may_send)) {}
  BorrowedBox(const BorrowedBox&) = delete;
  BorrowedBox& operator=(const BorrowedBox&) = delete;
  ~BorrowedBox() override { close(); }

  os::Transfer send(ByteView packet, std::span<const int> descriptors) noexcept override {
    return port_.send(packet, descriptors);
  }
  os::Transfer receive(ByteSpan into, std::vector<os::Fd>& descriptors) noexcept override {
    return port_.receive(into, descriptors);
  }
  std::size_t max_packet() const noexcept override { return port_.max_packet(); }
  void close() noexcept override {
    port_.close();
    if (box_) box_->borrowed.store(false, std::memory_order_release);  // SYNC: box returned
    box_.reset();
  }
  int read_fd() const noexcept override { return port_.read_fd(); }
  int write_fd() const noexcept override { return port_.write_fd(); }
  Result<void> wait(os::Wait what, Deadline deadline) override { return port_.wait(what, deadline); }

 private:
  std::shared_ptr<Box> box_;
  os::Mailbox port_;
};

class MailboxAcceptor final : public Acceptor {
 public:
  MailboxAcceptor(const Address& address, std::shared_ptr<Box> box, const NameOptions& name, Traits traits,
                  const ChannelOptions& options)
      : Acceptor(address), box_(std::move(box)), name_(name), traits_(traits), options_(options) {}

  Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) override;
  Result<int> poll_fd() override { return box_->socket.fd(); }

 private:
  std::shared_ptr<Box> box_;
  NameOptions name_;
  Traits traits_;
  ChannelOptions options_;
};

Result<std::unique_ptr<Endpoint>> MailboxAcceptor::accept(Deadline deadline) {
  os::Backoff backoff(deadline);
  while (box_->borrowed.load(std::memory_order_acquire)) {  // SYNC: box returned
    if (auto paused = backoff.pause(); !paused)
      return std::unexpected(paused.error().with("accept", address().to_string()));
  }
  if (auto ready = os::wait_for(box_->socket.fd(), os::Wait::readable, deadline); !ready)
    return std::unexpected(ready.error().with("accept", address().to_string()));
  const std::size_t largest = TRY(os::largest_packet(box_->socket.fd()));
  auto may_send = [where = address(), name = name_](const os::PeerCredentials& sender) {
    return may_connect(where, sender, name);
  };
  box_->borrowed.store(true, std::memory_order_relaxed);
  auto port = std::make_unique<BorrowedBox>(box_, largest, std::move(may_send));
  return make_packet_endpoint(address(), {std::move(port), {}, limit}, traits_, options_);
}

/// The kernel does not say who is behind a datagram socket: the owner of the file must do.
Result<void> check_owner(const Address& address) {
  if (address.place().starts_with('@')) return {};
  const auto owner = os::owner_of_socket(address.place());
  if (!owner) return {};  // connecting says it better
  return check_listener(address, {.pid = 0, .uid = *owner, .gid = 0});
}

}  // namespace

Result<std::unique_ptr<Endpoint>> connect_plain_datagrams(const Address& address, const UnixOptions& options,
                                                          Traits traits, Deadline deadline) {
  TRY(check_owner(address));
  auto socket = os::connect_mailbox(address.place(), deadline);
  if (!socket) return std::unexpected(socket.error().with("connect", address.to_string()));
  TRY(set_capacity(address, socket->get(), options));
  const std::size_t largest = TRY(os::largest_packet(socket->get()));
  return make_packet_endpoint(address,
                              {std::make_unique<os::DatagramPort>(std::move(*socket), largest), {}, limit},
                              traits, TRY(ChannelOptions::from(address)));
}

Result<std::unique_ptr<Acceptor>> listen_plain_datagrams(const Address& address, const UnixOptions& options,
                                                         Traits traits) {
  const NameOptions name = TRY(NameOptions::from(address));
  auto socket = os::UnixSocket::bind(address.place(), {.mode = name.mode, .group = name.group});
  if (!socket) return std::unexpected(socket.error().with("listen", address.to_string()));
  TRY(os::tell_senders(socket->fd()));
  TRY(set_capacity(address, socket->fd(), options));
  return std::make_unique<MailboxAcceptor>(address, std::make_shared<Box>(std::move(*socket)), name, traits,
                                           TRY(ChannelOptions::from(address)));
}

}  // namespace tenon
