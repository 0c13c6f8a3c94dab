// The public interface: checks what concerns every transport, then forwards. Turns std::bad_alloc into an
// Error.
#include <tenon/channel.hpp>

#include <new>

#include "base/try.hpp"
#include "channel/contract.hpp"
#include "channel/options.hpp"
#include "channel/stream.hpp"

namespace tenon {
namespace {

template <typename Function>
auto guarded(std::string_view operation, Function function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error(Errc::resource_limit, operation));
  }
}

std::unexpected<Error> lacking(std::string_view operation, const Address& address, TraitSet missing) {
  std::string names;
  for (const Trait trait : all_traits()) {
    if (missing.has(trait)) names.append(names.empty() ? "" : ", ").append(to_string(trait));
  }
  return std::unexpected(
      Error(Errc::unsupported, operation, address.to_string(),
            "it does not have the required " + names + " (tenon schemes shows which transport does)"));
}

}  // namespace

Result<const Transport*> checked_transport(std::string_view operation, const Address& address,
                                           TraitSet require) {
  const Transport* transport = TRY(transport_of(address));
  TRY(check_options(operation, *transport, address));
  const ChannelOptions options = TRY(ChannelOptions::from(address));
  const Traits traits = TRY(transport->traits(address));
  for (const TraitSet wanted : {require, options.require}) {
    const TraitSet missing = traits.set.missing(wanted);
    if (!missing.empty()) return lacking(operation, address, missing);
  }
  return transport;
}

Result<void> Endpoint::send_single(ByteView message, Deadline deadline) {
  static_cast<void>(TRY(send({&message, 1}, {}, deadline)));
  return {};
}

Result<Message> Endpoint::borrow_single(Deadline deadline) {
  Message message;
  static_cast<void>(TRY(borrow({&message, 1}, deadline)));
  return message;
}

Channel::Channel(std::unique_ptr<Endpoint> endpoint) noexcept : endpoint_(std::move(endpoint)) {}
Channel::Channel(Channel&&) noexcept = default;
Channel& Channel::operator=(Channel&&) noexcept = default;
Channel::~Channel() = default;

Result<void> Channel::send(ByteView message, Deadline deadline) {
  return guarded("send", [&] { return endpoint_->send_single(message, deadline); });
}

Result<void> Channel::send(ByteView message, std::span<const int> descriptors, Deadline deadline) {
  return guarded("send", [&]() -> Result<void> {
    if (!descriptors.empty() && !endpoint_->traits().has(Trait::carries_descriptors)) {
      return lacking("send descriptors over", address(), {Trait::carries_descriptors});
    }
    if (descriptors.size() > 4) {
      return std::unexpected(
          Error(Errc::invalid_argument, "send", address().to_string(),
                std::to_string(descriptors.size()) + " descriptors: at most 4 go with one message"));
    }
    static_cast<void>(TRY(endpoint_->send({&message, 1}, descriptors, deadline)));
    return {};
  });
}

Result<std::size_t> Channel::send_many(std::span<const ByteView> messages, Deadline deadline) {
  return guarded("send", [&] { return endpoint_->send(messages, {}, deadline); });
}

Result<Loan> Channel::loan(std::size_t size, Deadline deadline) {
  return guarded("loan", [&] { return endpoint_->loan(size, deadline); });
}

Result<std::size_t> Channel::receive(ByteSpan buffer, Deadline deadline) {
  return guarded("receive", [&] { return endpoint_->receive(buffer, deadline); });
}

Result<Message> Channel::borrow(Deadline deadline) {
  return guarded("receive", [&] { return endpoint_->borrow_single(deadline); });
}

Result<std::size_t> Channel::borrow_many(std::span<Message> into, Deadline deadline) {
  return guarded("receive", [&] { return endpoint_->borrow(into, deadline); });
}

Result<void> Channel::finish(Deadline deadline) {
  return guarded("finish", [&] { return endpoint_->finish(deadline); });
}

Result<void> Channel::close(Deadline deadline) {
  return guarded("close", [&] { return endpoint_->close(deadline); });
}

void Channel::abort() noexcept {
  endpoint_->abort();
}

Result<int> Channel::poll_fd() {
  return guarded("poll", [&] { return endpoint_->poll_fd(); });
}

std::optional<PeerInfo> Channel::peer() const {
  return endpoint_->peer();
}
Traits Channel::traits() const {
  return endpoint_->traits();
}
Statistics Channel::statistics() const {
  return endpoint_->statistics();
}
const Address& Channel::address() const noexcept {
  return endpoint_->address();
}

Listener::Listener(std::unique_ptr<Acceptor> acceptor) noexcept : acceptor_(std::move(acceptor)) {}
Listener::Listener(Listener&&) noexcept = default;
Listener& Listener::operator=(Listener&&) noexcept = default;
Listener::~Listener() = default;

Result<Channel> Listener::accept(Deadline deadline) {
  return guarded("accept", [&]() -> Result<Channel> { return Channel(TRY(acceptor_->accept(deadline))); });
}

Result<int> Listener::poll_fd() {
  return acceptor_->poll_fd();
}
const Address& Listener::address() const noexcept {
  return acceptor_->address();
}

Result<Channel> connect(const Address& address, ConnectOptions options) {
  return guarded("connect", [&]() -> Result<Channel> {
    const Transport* transport = TRY(checked_transport("connect", address, options.require));
    if (transport->connect != nullptr) {
      auto endpoint = TRY(transport->connect(address, options.deadline));
      if (endpoint || transport->dial == nullptr) return Channel(std::move(endpoint));
    }
    auto connection = TRY(transport->dial(address, options.deadline));
    return Channel(
        TRY(open_stream(address, std::move(connection), TRY(transport->traits(address)), options.deadline)));
  });
}

Result<Listener> listen(const Address& address, ListenOptions options) {
  return guarded("listen", [&]() -> Result<Listener> {
    const Transport* transport = TRY(checked_transport("listen", address, options.require));
    if (transport->listen != nullptr) {
      auto acceptor = TRY(transport->listen(address));
      if (acceptor || transport->bind == nullptr) return Listener(std::move(acceptor));
    }
    return Listener(TRY(accept_streams(TRY(transport->bind(address)), TRY(transport->traits(address)))));
  });
}

Result<Channel> connect(std::string_view address, ConnectOptions options) {
  return guarded("connect",
                 [&]() -> Result<Channel> { return connect(TRY(Address::parse(address)), options); });
}

Result<Listener> listen(std::string_view address, ListenOptions options) {
  return guarded("listen",
                 [&]() -> Result<Listener> { return listen(TRY(Address::parse(address)), options); });
}

}  // namespace tenon
