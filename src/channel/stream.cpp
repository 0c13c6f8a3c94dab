#include "channel/stream.hpp"

#include <atomic>
#include <mutex>

#include "base/try.hpp"
#include "channel/raw_stream.hpp"
#include "channel/receive_lock.hpp"
#include "channel/staged_loan.hpp"
#include "channel/stream_receiver.hpp"
#include "channel/stream_sender.hpp"

namespace tenon {
namespace {

class StreamEndpoint final : public Endpoint, private detail::LoanOwner {
 public:
  StreamEndpoint(const Address& address, StreamConnection connection, Traits traits,
                 const ChannelOptions& options)
      : Endpoint(address),
        connection_(std::move(connection)),
        traits_(traits),
        sender_(*connection_.stream, options.wait),
        receiver_(*connection_.stream, options.wait, options.max_message_size, connection_.frame_timeout) {}
  ~StreamEndpoint() override { static_cast<void>(close(Deadline::in(std::chrono::seconds(1)))); }

  Result<std::size_t> send(std::span<const ByteView> messages, std::span<const int> descriptors,
                           Deadline deadline) override;
  Result<void> send_single(ByteView message, Deadline deadline) override;
  Result<Loan> loan(std::size_t size, Deadline deadline) override;
  Result<std::size_t> receive(ByteSpan buffer, Deadline deadline) override;
  Result<std::size_t> borrow(std::span<Message> into, Deadline deadline) override;
  Result<Message> borrow_single(Deadline deadline) override;
  Result<void> finish(Deadline deadline) override;
  Result<void> close(Deadline deadline) override;
  void abort() noexcept override;
  Result<int> poll_fd() override;
  std::optional<PeerInfo> peer() const override { return connection_.peer; }
  Traits traits() const override { return traits_; }
  Statistics statistics() const override { return {sender_.statistics(), receiver_.statistics()}; }

 private:
  Result<void> commit(ByteSpan memory, std::size_t size, Deadline deadline) override;
  void drop(ByteSpan) noexcept override { loan_.drop(); }

  bool may_send() const noexcept {
    return !closed_ && !finished_ && receive_end_.load(std::memory_order_relaxed) == Errc{} && !send_end_ &&
           !loan_.lent();
  }
  std::unexpected<Error> why_not_send();
  std::unexpected<Error> too_large(std::size_t size) const;
  std::unexpected<Error> not_sent(const Error& error);
  std::unexpected<Error> not_received(const Error& error);
  Errc how_it_ended();
  void update_poll_set() {
    if (poll_set_) poll_set_->set_ready(receiver_.ready() || connection_.stream->holds_more());
  }

  StreamConnection connection_;
  Traits traits_;
  StreamSender sender_;
  StreamReceiver receiver_;
  /// Held by whoever uses receiver_: the receiving thread, or a sender who looks how the stream ended.
  ReceiveLock receiving_;
  std::optional<os::PollSet> poll_set_;
  StagedLoan loan_;
  bool finished_ = false;
  bool closed_ = false;
  /// Set by the receiving thread, for the sending one. Relaxed: it says nothing about other memory.
  std::atomic<Errc> receive_end_ = Errc{};
  std::optional<Errc> send_end_;  ///< why nothing can be sent any more
};

// ---- Sending

std::unexpected<Error> StreamEndpoint::too_large(std::size_t size) const {
  return fail(Errc::message_too_large, "send",
              std::to_string(size) + " bytes, and the receiver takes at most " +
                  std::to_string(traits_.max_message_size) +
                  ": split the message, or raise max-message-size= in the receiver's address");
}

std::unexpected<Error> StreamEndpoint::not_received(const Error& error) {
  if (error.code() == Errc::protocol_violation || error.code() == Errc::peer_died) {
    // Its other descriptors may live a moment longer than the one that told.
    receive_end_.store(error.code(), std::memory_order_relaxed);
  }
  update_poll_set();
  return explain(error, "receive");
}

/// After a write found the stream broken: closed in order, or died? What the peer sent before it went tells.
Errc StreamEndpoint::how_it_ended() {
  const std::unique_lock lock(receiving_, std::chrono::seconds(1));
  if (!lock) return Errc::peer_died;  // a receive still waits: the peer refuses to read but is not gone
  switch (receiver_.find_end()) {
    case StreamEnd::closed:
      return Errc::closed;
    case StreamEnd::violated:
      return Errc::protocol_violation;
    default:
      return Errc::peer_died;
  }
}

std::unexpected<Error> StreamEndpoint::why_not_send() {
  if (closed_ || finished_) return fail(Errc::closed, "send", "this side has finished sending");
  if (const Errc end = receive_end_.load(std::memory_order_relaxed); end != Errc{}) send_end_ = end;
  if (send_end_) return fail(*send_end_, "send");
  return explain(loan_.check_none().error(), "send");
}

std::unexpected<Error> StreamEndpoint::not_sent(const Error& error) {
  if (error.code() != Errc::closed) return explain(error, "send");
  send_end_ = how_it_ended();
  return fail(*send_end_, "send");
}

Result<std::size_t> StreamEndpoint::send(std::span<const ByteView> messages, std::span<const int> descriptors,
                                         Deadline deadline) {
  if (!may_send()) return why_not_send();
  for (const ByteView message : messages) {
    if (message.size() > traits_.max_message_size) return too_large(message.size());
  }
  auto sent = sender_.send(messages, descriptors, deadline);
  if (!sent.stopped || (sent.messages > 0 && sent.stopped->code() != Errc::closed)) return sent.messages;
  return not_sent(*sent.stopped);
}

Result<void> StreamEndpoint::send_single(ByteView message, Deadline deadline) {
  if (!may_send()) return why_not_send();
  if (message.size() > traits_.max_message_size) return too_large(message.size());
  if (const auto stopped = sender_.send(message, deadline)) return not_sent(*stopped);
  return {};
}

Result<Loan> StreamEndpoint::loan(std::size_t size, Deadline) {
  if (closed_ || finished_) return fail(Errc::closed, "loan", "this side has finished sending");
  if (size > traits_.max_message_size) return too_large(size);
  auto lent = loan_.lend(size, this);
  if (!lent) return explain(lent.error(), "loan");
  return lent;
}

Result<void> StreamEndpoint::commit(ByteSpan memory, std::size_t size, Deadline deadline) {
  const auto message = loan_.end(memory, size);
  if (!message) return explain(message.error(), "commit");
  static_cast<void>(TRY(send({&*message, 1}, {}, deadline)));
  return {};
}

// ---- Receiving

Result<std::size_t> StreamEndpoint::receive(ByteSpan buffer, Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  const std::lock_guard lock(receiving_);
  for (;;) {
    const auto size = receiver_.await_message(deadline);
    if (!size) return not_received(size.error());
    if (*size > buffer.size()) {
      update_poll_set();
      return fail(Errc::buffer_too_small, "receive",
                  "the message has " + std::to_string(*size) + " bytes, the buffer " +
                      std::to_string(buffer.size()) + ": it is still there for a larger one");
    }
    const auto taken = receiver_.take(buffer.first(*size), deadline);
    if (!taken) return not_received(taken.error());
    if (!*taken) continue;
    update_poll_set();
    return *size;
  }
}

Result<std::size_t> StreamEndpoint::borrow(std::span<Message> into, Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  const std::lock_guard lock(receiving_);
  std::size_t count = 0;
  while (count < into.size()) {
    // Long ones one by one: memory that is used again costs less than new memory for several.
    if (count > 0 && (!receiver_.ready() || receiver_.needs_memory())) break;
    const Deadline patience = count == 0 ? deadline : Deadline::now();
    const auto size = receiver_.await_message(patience);
    auto message = size ? receiver_.take(patience) : std::unexpected(size.error());
    if (!message) {
      if (count > 0) break;  // the next call reports it
      return not_received(message.error());
    }
    if (*message) into[count++] = std::move(**message);
  }
  update_poll_set();
  return count;
}

Result<Message> StreamEndpoint::borrow_single(Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  const std::lock_guard lock(receiving_);
  for (;;) {
    if (const auto size = receiver_.await_message(deadline); !size) return not_received(size.error());
    auto message = receiver_.take(deadline);
    if (!message) return not_received(message.error());
    if (!*message) continue;
    update_poll_set();
    return std::move(**message);
  }
}

Result<int> StreamEndpoint::poll_fd() {
  if (closed_) return fail(Errc::closed, "poll", "this side has closed the channel");
  const std::lock_guard lock(receiving_);
  if (!poll_set_) {
    auto set = TRY(os::PollSet::create());
    TRY(os::watch(set, *connection_.stream));
    poll_set_ = std::move(set);
    update_poll_set();
  }
  return poll_set_->fd();
}

// ---- Ending

Result<void> StreamEndpoint::finish(Deadline deadline) {
  if (finished_ || closed_) return {};
  finished_ = true;
  if (send_end_ || receive_end_.load(std::memory_order_relaxed) != Errc{}) return {};
  auto told = sender_.send_close(deadline);
  connection_.stream->finish();
  if (told || told.error().code() == Errc::closed) return {};  // whoever left before us needs no goodbye
  return explain(told.error(), "finish");
}

Result<void> StreamEndpoint::close(Deadline deadline) {
  if (closed_) return {};
  auto told = finish(deadline);
  if (told && !send_end_ && receive_end_.load(std::memory_order_relaxed) == Errc{}) {
    const auto drained = connection_.stream->drain(deadline);
    if (!drained) told = explain(drained.error(), "close");
  }
  abort();
  return told;
}

void StreamEndpoint::abort() noexcept {
  closed_ = true;
  poll_set_.reset();
  connection_.stream->close();
}

}  // namespace

std::unique_ptr<Endpoint> make_stream_endpoint(const Address& address, StreamConnection connection,
                                               Traits traits, const ChannelOptions& options) {
  return std::make_unique<StreamEndpoint>(address, std::move(connection), traits, options);
}

Traits traits_for_framing(Traits traits, Framing framing) {
  if (framing == Framing::message) return traits;
  traits.set.remove(Trait::reports_peer_death);
  traits.set.remove(Trait::carries_descriptors);
  if (framing == Framing::raw) traits.set.remove(Trait::message_boundaries);
  return traits;
}

Result<std::unique_ptr<Endpoint>> open_stream(const Address& address, StreamConnection connection,
                                              Traits traits, Deadline deadline) {
  const ChannelOptions options = TRY(ChannelOptions::from(address));
  traits = traits_for_framing(traits, options.framing);
  traits.max_message_size = options.max_message_size;
  if (options.framing != Framing::message)
    return open_raw_stream(address, std::move(connection), traits, options);
  Handshake handshake(std::move(connection), options.max_message_size);
  if (auto done = handshake.run(deadline); !done) {
    const Error& error = done.error();
    const bool gone = error.code() == Errc::closed;
    return std::unexpected(
        Error(gone ? Errc::no_one_there : error.code(), "connect", address.to_string(),
              gone ? "the peer closed during the handshake" : std::string(error.advice())));
  }
  traits.max_message_size = handshake.theirs().max_message_size;
  return make_stream_endpoint(address, handshake.take(), traits, options);
}

ChildEnds::Open open_stream_to_child(const Address& address, StreamConnection connection, Traits traits) {
  return [=, connection = std::move(connection)](int child, Deadline deadline) mutable {
    if (connection.peer) connection.peer->pid = child;
    return open_stream(address, std::move(connection), traits, deadline);
  };
}

}  // namespace tenon
