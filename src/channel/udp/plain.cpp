#include "channel/udp/plain.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <deque>
#include <list>

#include "base/try.hpp"
#include "os/datagram_port.hpp"
#include "os/poll_set.hpp"

namespace tenon {
namespace {

constexpr std::size_t most_waiting = 64;  ///< datagrams that are kept while accept() is not called

struct Letter {
  os::Visit visit;
  std::vector<std::byte> bytes;
};

/// A socket of one peer's, and what he had sent before it was there.
class PlainPort final : public os::PacketPort {
 public:
  PlainPort(os::Fd socket, std::shared_ptr<const os::InetEndpoint> peer, std::deque<Letter> early) noexcept
      : port_(std::move(socket), os::max_udp_datagram), peer_(std::move(peer)), early_(std::move(early)) {}

  os::Transfer send(ByteView packet, std::span<const int> descriptors) noexcept override {
    return port_.send(packet, descriptors);
  }
  os::Transfer receive(ByteSpan into, std::vector<os::Fd>& descriptors) noexcept override;
  std::size_t max_packet() const noexcept override { return port_.max_packet(); }
  void wake() noexcept override { port_.wake(); }
  void close() noexcept override {
    port_.close();
    peer_.reset();
  }
  bool holds_more() const noexcept override { return !early_.empty(); }
  int read_fd() const noexcept override { return port_.read_fd(); }
  int write_fd() const noexcept override { return port_.write_fd(); }

 private:
  os::DatagramPort port_;
  std::shared_ptr<const os::InetEndpoint>
      peer_;  ///< while it lives, the acceptor opens no second channel to him
  std::deque<Letter> early_;
};

os::Transfer PlainPort::receive(ByteSpan into, std::vector<os::Fd>& descriptors) noexcept {
  if (early_.empty()) return port_.receive(into, descriptors);
  const Letter letter = std::move(early_.front());
  early_.pop_front();
  std::ranges::copy(letter.bytes, into.begin());
  return {letter.bytes.size(), 0};
}

class PlainAcceptor final : public Acceptor {
 public:
  PlainAcceptor(const Address& address, os::UdpDoor door, os::PollSet poll_set, Traits traits,
                const ChannelOptions& options, std::string limit)
      : Acceptor(address),
        door_(std::move(door)),
        poll_set_(std::move(poll_set)),
        traits_(traits),
        options_(options),
        limit_(std::move(limit)),
        buffer_(os::max_udp_datagram) {}

  Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) override;
  Result<int> poll_fd() override { return poll_set_.fd(); }

 private:
  Result<void> collect(int socket);
  bool is_served(const os::InetEndpoint& peer);
  Result<std::unique_ptr<Endpoint>> open(os::Visit visit);

  os::UdpDoor door_;
  os::PollSet poll_set_;
  Traits traits_;
  ChannelOptions options_;
  std::string limit_;
  std::vector<std::byte> buffer_;
  std::deque<Letter> waiting_;
  std::list<std::weak_ptr<const os::InetEndpoint>> served_;
};

/// What has arrived at `socket`, up to what is kept.
Result<void> PlainAcceptor::collect(int socket) {
  while (waiting_.size() < most_waiting) {
    const auto visit = os::receive_visit(socket, door_.local(), buffer_);
    if (!visit && visit.error().code() == Errc::timed_out) return {};
    if (!visit) return std::unexpected(visit.error());
    if (visit->size > buffer_.size()) continue;
    waiting_.push_back(
        {*visit, {buffer_.begin(), buffer_.begin() + static_cast<std::ptrdiff_t>(visit->size)}});
  }
  return {};
}

bool PlainAcceptor::is_served(const os::InetEndpoint& peer) {
  std::erase_if(served_, [](const auto& one) { return one.expired(); });
  return std::ranges::any_of(served_, [&](const auto& one) {
    const auto alive = one.lock();
    return alive && *alive == peer;
  });
}

Result<std::unique_ptr<Endpoint>> PlainAcceptor::open(os::Visit visit) {
  os::Fd socket = TRY(door_.split(visit));
  TRY(collect(door_.fd()));
  TRY(collect(socket.get()));  // others' too: they reached it before it was connected
  std::deque<Letter> early;
  for (Letter& letter : waiting_) {
    if (letter.visit.from == visit.from) early.push_back(std::move(letter));
  }
  std::erase_if(waiting_, [&](const Letter& letter) { return letter.visit.from == visit.from; });
  auto peer = std::make_shared<const os::InetEndpoint>(visit.from);
  served_.push_back(peer);
  return make_packet_endpoint(
      address(),
      {std::make_unique<PlainPort>(std::move(socket), std::move(peer), std::move(early)), {}, limit_},
      traits_, options_);
}

Result<std::unique_ptr<Endpoint>> PlainAcceptor::accept(Deadline deadline) {
  for (;;) {
    if (auto collected = collect(door_.fd()); !collected)
      return std::unexpected(collected.error().with("accept", address().to_string()));
    std::erase_if(waiting_, [&](const Letter& letter) { return is_served(letter.visit.from); });
    if (!waiting_.empty()) {
      auto opened = open(waiting_.front().visit);
      poll_set_.set_ready(!waiting_.empty());
      if (!opened) return std::unexpected(opened.error().with("accept", address().to_string()));
      return opened;
    }
    const auto ready = os::wait_for(door_.fd(), os::Wait::readable, deadline);
    if (!ready) return std::unexpected(ready.error().with("accept", address().to_string()));
  }
}

}  // namespace

Result<std::unique_ptr<Acceptor>> make_plain_acceptor(const Address& address, os::UdpDoor door, Traits traits,
                                                      const ChannelOptions& options, std::string limit) {
  auto poll_set = TRY(os::PollSet::create());
  TRY(poll_set.watch(door.fd()));
  return std::make_unique<PlainAcceptor>(address, std::move(door), std::move(poll_set), traits, options,
                                         std::move(limit));
}

}  // namespace tenon
