#include "channel/ring_channel.hpp"

#include <algorithm>
#include <atomic>
#include <string>

#include "base/try.hpp"
#include "channel/ring_receiver.hpp"
#include "channel/ring_sender.hpp"
#include "channel/staged_loan.hpp"
#include "os/poll_set.hpp"

namespace tenon {
namespace {

class RingEndpoint final : public Endpoint, private detail::LoanOwner {
 public:
  RingEndpoint(const Address& address, RingConnection connection, RingView* view, Traits traits,
               const ChannelOptions& options)
      : Endpoint(address),
        data_(std::move(connection.data)),
        room_(std::move(connection.room)),
        sides_{std::make_shared<RingRegions>(std::move(connection.own), std::move(connection.peer_region)),
               *data_,
               *room_,
               connection.fences,
               options.wait,
               connection.start,
               connection.arena,
               connection.pages},
        traits_(traits),
        peer_(connection.peer),
        receiver_(sides_, view, options.max_message_size),
        sender_(sides_) {}
  ~RingEndpoint() override { static_cast<void>(close(Deadline::in(std::chrono::seconds(1)))); }

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
  std::optional<PeerInfo> peer() const override { return peer_; }
  Traits traits() const override { return traits_; }
  Statistics statistics() const override { return {sender_.statistics(), receiver_.statistics()}; }

 private:
  Result<void> commit(ByteSpan memory, std::size_t size, Deadline deadline) override;
  void drop(ByteSpan) noexcept override;

  /// Only the room may stand between a message of this size and the ring.
  bool goes_at_once(std::size_t size) const noexcept {
    return size < quick_below_ && receive_end_.load(std::memory_order_relaxed) == Errc{};
  }
  /// After anything that is not the usual course.
  void settle() noexcept {
    const bool waits = finished_ || lent_ || block_ != nullptr || staged_lent_ || send_end_ ||
                       sender_.withdrawal_due() || sender_.gone();
    quick_below_ = waits ? 0 : quick_below();
  }
  std::uint64_t quick_below() const noexcept {
    return std::min(sender_.max_record(), traits_.max_message_size) + 1;
  }
  // Whatever is not the usual course is kept out of the functions that are called for each message.
  [[gnu::noinline]] Result<void> may_send(std::string_view operation);
  [[gnu::noinline]] std::unexpected<Error> too_large(std::size_t size) const;
  [[gnu::noinline]] std::unexpected<Error> not_sent(const Error& error, std::string_view operation);
  [[gnu::noinline]] std::unexpected<Error> not_received(const Error& error);
  [[gnu::noinline]] std::unexpected<Error> too_small(std::uint64_t size, std::size_t room);
  [[gnu::noinline]] Result<void> send_slowly(ByteView message, Deadline deadline);
  [[gnu::noinline]] Result<Loan> lend_slowly(std::size_t size, Deadline deadline);
  Result<Loan> lend_beyond_ring(std::size_t size, Deadline deadline);
  Result<void> commit_block(std::size_t size, Deadline deadline);
  [[gnu::noinline]] Result<void> commit_slowly(ByteSpan memory, std::size_t size, Deadline deadline);
  [[gnu::noinline]] Result<Message> borrow_slowly(Deadline deadline);
  [[gnu::noinline]] Result<std::size_t> receive_slowly(ByteSpan buffer, Deadline deadline);
  void update_poll_set() {
    if (poll_set_) [[unlikely]]
      poll_set_->set_ready(receiver_.ready_or_wish());
  }

  std::unique_ptr<os::Doorbell> data_;
  std::unique_ptr<os::Doorbell> room_;
  RingSides sides_;
  Traits traits_;
  std::optional<PeerInfo> peer_;
  bool closed_ = false;
  std::optional<os::PollSet> poll_set_;
  /// Set by the receiving thread, for the sending one. Relaxed: it says nothing about other memory.
  std::atomic<Errc> receive_end_ = Errc{};
  alignas(shm::cache_line) RingReceiver receiver_;

  alignas(shm::cache_line) RingSender sender_;
  std::uint64_t quick_below_ = quick_below();  ///< 0 while something stands in the way of every message
  bool finished_ = false;
  bool lent_ = false;              ///< in the ring
  Arena::Block* block_ = nullptr;  ///< that is lent
  bool staged_lent_ = false;       ///< in memory of our own
  std::optional<Errc> send_end_;   ///< why nothing can be sent any more
  StagedLoan staged_;
};

// ---- Sending

std::unexpected<Error> RingEndpoint::too_large(std::size_t size) const {
  return fail(Errc::message_too_large, "send",
              std::to_string(size) + " bytes, and the receiver takes at most " +
                  std::to_string(traits_.max_message_size) +
                  ": split the message, or raise max-message-size= in the receiver's address");
}

Result<void> RingEndpoint::may_send(std::string_view operation) {
  if (closed_ || finished_) return fail(Errc::closed, operation, "this side has finished sending");
  if (const Errc end = receive_end_.load(std::memory_order_relaxed); end != Errc{}) send_end_ = end;
  if (send_end_) return fail(*send_end_, operation);
  if (lent_ || block_ != nullptr || staged_lent_) {
    return fail(Errc::invalid_argument, operation, "commit or drop the loan before sending anything else");
  }
  return {};
}

std::unexpected<Error> RingEndpoint::not_sent(const Error& error, std::string_view operation) {
  if (error.code() == Errc::closed) {
    send_end_ = receiver_.find_end();
    settle();
    return fail(*send_end_, operation);
  }
  if (error.code() == Errc::protocol_violation) send_end_ = error.code();
  settle();
  return explain(error, operation);
}

Result<std::size_t> RingEndpoint::send(std::span<const ByteView> messages, std::span<const int>,
                                       Deadline deadline) {
  if (auto may = may_send("send"); !may) return std::unexpected(std::move(may).error());
  for (const ByteView message : messages) {
    if (message.size() > traits_.max_message_size) return too_large(message.size());
  }
  auto sent = sender_.send(messages, deadline);
  settle();
  if (!sent) return not_sent(sent.error(), "send");
  return sent;
}

Result<void> RingEndpoint::send_single(ByteView message, Deadline deadline) {
  if (!goes_at_once(message.size()) || !sender_.send_at_once(message)) [[unlikely]]
    return send_slowly(message, deadline);
  if (sender_.gone()) [[unlikely]]
    quick_below_ = 0;
  return {};
}

Result<void> RingEndpoint::send_slowly(ByteView message, Deadline deadline) {
  return Endpoint::send_single(message, deadline);
}

Result<Loan> RingEndpoint::loan(std::size_t size, Deadline deadline) {
  std::byte* const place = goes_at_once(size) ? sender_.lend_at_once(size) : nullptr;
  if (place == nullptr) [[unlikely]]
    return lend_slowly(size, deadline);
  lent_ = true;
  quick_below_ = 0;
  return Loan({place, size}, this);
}

Result<Loan> RingEndpoint::lend_slowly(std::size_t size, Deadline deadline) {
  if (auto may = may_send("loan"); !may) return std::unexpected(std::move(may).error());
  if (size > traits_.max_message_size) return too_large(size);
  if (size > sender_.max_record()) return lend_beyond_ring(size, deadline);
  auto ready = sender_.write_withdrawal(deadline);
  const auto place = ready ? sender_.reserve(size, deadline) : std::unexpected(ready.error());
  if (!place) return not_sent(place.error(), "loan");
  lent_ = true;
  settle();
  return Loan({*place, size}, this);
}

Result<Loan> RingEndpoint::lend_beyond_ring(std::size_t size, Deadline deadline) {
  const auto block = sender_.reserve_block(size, deadline);
  if (!block) return not_sent(block.error(), "loan");
  if (*block != nullptr) {
    block_ = *block;
    settle();
    return Loan({block_->data(), size}, this);
  }
  auto lent = staged_.lend(size, this);
  if (!lent) return explain(lent.error(), "loan");
  staged_lent_ = true;
  settle();
  return lent;
}

Result<void> RingEndpoint::commit(ByteSpan memory, std::size_t size, Deadline deadline) {
  if (lent_ && size <= memory.size()) [[likely]] {
    lent_ = false;
    settle();
    if (goes_at_once(size)) [[likely]] {
      sender_.commit_at_once(size);
      if (sender_.gone()) [[unlikely]]
        quick_below_ = 0;
      return {};
    }
  }
  return commit_slowly(memory, size, deadline);
}

Result<void> RingEndpoint::commit_slowly(ByteSpan memory, std::size_t size, Deadline deadline) {
  if (block_ != nullptr && size <= memory.size()) return commit_block(size, deadline);
  const bool staged = staged_lent_;
  drop(memory);
  if (staged) {
    const auto message = staged_.end(memory, size);
    if (!message) return explain(message.error(), "commit");
    return send_single(*message, deadline);
  }
  if (size > memory.size()) {
    return fail(Errc::invalid_argument, "commit",
                std::to_string(size) + " bytes of a loan of " + std::to_string(memory.size()));
  }
  if (auto may = may_send("send"); !may) return may;
  return not_sent(Error(Errc::closed, "send"), "send");
}

Result<void> RingEndpoint::commit_block(std::size_t size, Deadline deadline) {
  Arena::Block& block = *std::exchange(block_, nullptr);
  if (auto may = may_send("send"); !may) {
    sender_.give_up(block);
    return may;
  }
  auto sent = sender_.lend(block, size, deadline);
  settle();
  if (!sent) return not_sent(sent.error(), "send");
  return sent;
}

void RingEndpoint::drop(ByteSpan) noexcept {
  if (staged_lent_) staged_.drop();
  if (block_ != nullptr) sender_.give_up(*std::exchange(block_, nullptr));
  lent_ = staged_lent_ = false;
  settle();
}

// ---- Receiving

std::unexpected<Error> RingEndpoint::not_received(const Error& error) {
  if (error.code() == Errc::protocol_violation || error.code() == Errc::peer_died) {
    receive_end_.store(error.code(), std::memory_order_relaxed);
  }
  update_poll_set();
  return explain(error, "receive");
}

std::unexpected<Error> RingEndpoint::too_small(std::uint64_t size, std::size_t room) {
  update_poll_set();
  return fail(Errc::buffer_too_small, "receive",
              "the message has " + std::to_string(size) + " bytes, the buffer " + std::to_string(room) +
                  ": it is still there for a larger one");
}

Result<std::size_t> RingEndpoint::receive_slowly(ByteSpan buffer, Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  for (;;) {
    const auto size = receiver_.await_message(deadline);
    if (!size) return not_received(size.error());
    if (*size > buffer.size()) return too_small(*size, buffer.size());
    const auto taken = receiver_.take(buffer.first(*size), deadline);
    if (!taken) return not_received(taken.error());
    if (!*taken) continue;
    update_poll_set();
    return *size;
  }
}

Result<std::size_t> RingEndpoint::receive(ByteSpan buffer, Deadline deadline) {
  shm::Record record;
  receiver_.settle();
  if (closed_ || !receiver_.next_message_soon(record, deadline) || record.size > buffer.size()) [[unlikely]]
    return receive_slowly(buffer, deadline);
  shm::copy(buffer.data(), record.payload, record.size);
  receiver_.take_copied(record);
  update_poll_set();
  return record.size;
}

Result<Message> RingEndpoint::borrow_slowly(Deadline deadline) {
  return Endpoint::borrow_single(deadline);
}

Result<Message> RingEndpoint::borrow_single(Deadline deadline) {
  shm::Record record;
  receiver_.settle();
  if (closed_ || !receiver_.next_message_soon(record, deadline) || receiver_.holds_much()) [[unlikely]]
    return borrow_slowly(deadline);
  Result<Message> message(std::in_place, receiver_.take_lent(record));
  update_poll_set();
  return message;
}

Result<std::size_t> RingEndpoint::borrow(std::span<Message> into, Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  if (into.empty()) return 0;
  receiver_.settle();
  std::size_t count = 0;
  shm::Record record;
  if (receiver_.next_message_soon(record, deadline)) {
    do {
      if (receiver_.holds_much()) {
        if (count > 0) break;
        static_cast<void>(receiver_.let_go_of_held());  // without memory for it: the sender may have to wait
        if (!receiver_.next_message(record)) break;
      }
      into[count++] = receiver_.take_lent(record);
    } while (count < into.size() && receiver_.next_message(record));
  }
  while (count == 0) {
    const auto size = receiver_.await_message(deadline);
    if (!size) return not_received(size.error());
    auto message = receiver_.take(deadline);
    if (!message) return not_received(message.error());
    if (*message) into[count++] = std::move(**message);
  }
  update_poll_set();
  return count;
}

Result<int> RingEndpoint::poll_fd() {
  if (closed_) return fail(Errc::closed, "poll", "this side has closed the channel");
  if (!poll_set_) {
    auto set = TRY(os::PollSet::create());
    TRY(set.watch(TRY(data_->poll_fd())));
    poll_set_ = std::move(set);
    update_poll_set();
  }
  return poll_set_->fd();
}

// ---- Ending

Result<void> RingEndpoint::finish(Deadline deadline) {
  if (finished_ || closed_) return {};
  finished_ = true;
  settle();
  if (send_end_ || receive_end_.load(std::memory_order_relaxed) != Errc{}) return {};
  auto told = sender_.send_close(deadline);
  if (told || told.error().code() == Errc::closed) return {};  // whoever left before us needs no goodbye
  return explain(told.error(), "finish");
}

Result<void> RingEndpoint::close(Deadline deadline) {
  if (closed_) return {};
  auto told = finish(deadline);
  abort();
  return told;
}

void RingEndpoint::abort() noexcept {
  closed_ = finished_ = true;
  settle();
  poll_set_.reset();
  receiver_.end();
  receiver_.let_go_of_bells();
  data_->close();
  room_->close();
}

}  // namespace

Result<std::unique_ptr<Endpoint>> make_ring_endpoint(const Address& address, RingConnection connection,
                                                     Traits traits, const ChannelOptions& options) {
  RingView* const view = RingView::create(std::move(connection.peer_region.ring));
  if (view == nullptr) return std::unexpected(Error(Errc::resource_limit, "connect", address.to_string()));
  try {
    return std::make_unique<RingEndpoint>(address, std::move(connection), view, traits, options);
  } catch (const std::bad_alloc&) {
    view->abandon(0, 0);
    throw;
  }
}

}  // namespace tenon
