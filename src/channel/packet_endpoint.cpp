#include "channel/packet_endpoint.hpp"

#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>
#include <deque>
#include <mutex>

#include "base/try.hpp"
#include "channel/receive_lock.hpp"
#include "channel/segment.hpp"
#include "channel/staged_loan.hpp"
#include "os/poll_set.hpp"

namespace tenon {
namespace {

constexpr std::size_t buffer_size = 256 * 1024;
constexpr std::size_t max_descriptors = 4;

void count(Statistics::Direction& direction, std::size_t size) noexcept {
  ++direction.messages;
  direction.bytes += size;
  direction.largest = std::max<std::uint64_t>(direction.largest, size);
}

class PacketEndpoint final : public Endpoint, private detail::LoanOwner {
 public:
  PacketEndpoint(const Address& address, PacketConnection connection, Traits traits,
                 const ChannelOptions& options)
      : Endpoint(address),
        connection_(std::move(connection)),
        traits_(traits),
        send_waiter_(options.wait),
        receive_waiter_(options.wait) {
    arrived_.reserve(max_descriptors);
  }
  ~PacketEndpoint() override { static_cast<void>(close(Deadline::in(std::chrono::seconds(1)))); }

  Result<std::size_t> send(std::span<const ByteView> messages, std::span<const int> descriptors,
                           Deadline deadline) override;
  Result<void> send_single(ByteView message, Deadline deadline) override;
  Result<Loan> loan(std::size_t size, Deadline deadline) override;
  Result<std::size_t> receive(ByteSpan buffer, Deadline deadline) override;
  Result<std::size_t> borrow(std::span<Message> into, Deadline deadline) override;
  Result<void> finish(Deadline deadline) override;
  Result<void> close(Deadline deadline) override;
  Result<int> poll_fd() override;
  std::optional<PeerInfo> peer() const override { return connection_.peer; }
  Traits traits() const override { return traits_; }
  Statistics statistics() const override;

 private:
  os::PacketPort& port() const noexcept { return *connection_.port; }
  Result<void> commit(ByteSpan memory, std::size_t size, Deadline deadline) override;
  void drop(ByteSpan) noexcept override { loan_.drop(); }

  std::unexpected<Error> too_large(std::size_t size) const;
  std::unexpected<Error> cannot(std::string_view operation, const os::Transfer& transfer) const;
  bool may_send() const noexcept {
    return !closed_ && !finished_ && receive_end_.load(std::memory_order_relaxed) == Errc{} && !send_end_ &&
           !loan_.lent();
  }
  std::unexpected<Error> why_not_send();
  Result<void> send_one(ByteView message, std::span<const int> descriptors, Deadline deadline);
  Errc how_it_ended();
  Result<void> pause(os::Waiter& waiter, os::Wait what, Deadline deadline);

  Result<void> make_room();
  os::Transfer receive_into(ByteSpan room);
  Result<bool> fetch();
  std::unexpected<Error> nothing_comes();
  Result<ByteView> await(Deadline deadline);
  Message take_front();
  void drop_front() noexcept;
  void update_poll_set() {
    if (poll_set_) poll_set_->set_ready(front_ || !kept_.empty() || end_ || port().holds_more());
  }

  PacketConnection connection_;
  Traits traits_;

  os::Waiter send_waiter_;
  Statistics::Direction sent_;
  StagedLoan loan_;
  bool finished_ = false;
  bool closed_ = false;
  std::optional<Errc> send_end_;  ///< why nothing can be sent any more

  /// Held by whoever uses what follows: the receiving thread, or a sender who looks how it ended.
  ReceiveLock receiving_;
  os::Waiter receive_waiter_;
  Statistics::Direction received_;
  SegmentPtr buffer_;  ///< filled up to used_
  SegmentPtr spare_;   ///< the one before, to be used again when nobody looks at it any more
  std::size_t used_ = 0;
  std::vector<os::Fd> arrived_;
  std::optional<ByteView>
      front_;                 ///< arrived, in buffer_ up to used_, and not yet taken; arrived_ came along
  std::deque<Message> kept_;  ///< arrived before it, by the time a sender looked how it ended
  std::optional<Errc> end_;
  std::optional<os::PollSet> poll_set_;
  /// Between the two threads. Relaxed: they say nothing about other memory.
  std::atomic<Errc> receive_end_ = Errc{};
  std::atomic<bool> broken_ = false;  ///< the peer is gone; what it had sent may still be there
};

Result<void> PacketEndpoint::pause(os::Waiter& waiter, os::Wait what, Deadline deadline) {
  return waiter.pause([&](Deadline until) { return port().wait(what, until); }, deadline);
}

Statistics PacketEndpoint::statistics() const {
  Statistics all{sent_, received_};
  all.sent.spins = send_waiter_.turns();
  all.sent.sleeps = send_waiter_.sleeps();
  all.sent.full_waits = send_waiter_.waits();
  all.received.spins = receive_waiter_.turns();
  all.received.sleeps = receive_waiter_.sleeps();
  all.received.lost = port().lost();
  return all;
}

// ---- Sending

std::unexpected<Error> PacketEndpoint::too_large(std::size_t size) const {
  return fail(Errc::message_too_large, "send",
              std::to_string(size) + " bytes, the maximum is " + std::to_string(traits_.max_message_size) +
                  ": " + connection_.limit);
}

std::unexpected<Error> PacketEndpoint::cannot(std::string_view operation,
                                              const os::Transfer& transfer) const {
  if (!transfer.wrong_way()) return explain(Error::from_errno(operation, {}, transfer.error), operation);
  return fail(Errc::unsupported, operation,
              "messages go one way here, and this channel has taken the other part: use a second channel");
}

/// After a send found the peer gone: closed in order, or died? What it sent before it went tells.
Errc PacketEndpoint::how_it_ended() {
  broken_.store(true, std::memory_order_relaxed);
  port().wake();
  const std::unique_lock lock(receiving_, std::chrono::seconds(1));
  if (!lock) return Errc::peer_died;
  for (;;) {
    if (front_) kept_.push_back(take_front());
    if (end_) break;
    if (!fetch()) return Errc::peer_died;
  }
  update_poll_set();
  return *end_;
}

Result<void> PacketEndpoint::send_one(ByteView message, std::span<const int> descriptors, Deadline deadline) {
  for (;;) {
    const os::Transfer transfer = port().send(message, descriptors);
    ++sent_.system_calls;
    if (transfer.error == 0) break;
    if (transfer.would_block()) {
      if (auto waited = pause(send_waiter_, os::Wait::writable, deadline); !waited)
        return explain(waited.error(), "send");
    } else if (transfer.broken()) {
      send_end_ = how_it_ended();
      return fail(*send_end_, "send", transfer.error);
    } else if (transfer.error == EDESTADDRREQ) {
      return fail(Errc::invalid_argument, "send",
                  "whoever sent last has no name to be answered at, or is gone: receive first", EDESTADDRREQ);
    } else if (transfer.error == EMSGSIZE) {
      return too_large(message.size());
    } else {
      return cannot("send", transfer);
    }
  }
  send_waiter_.progressed();
  count(sent_, message.size());
  return {};
}

std::unexpected<Error> PacketEndpoint::why_not_send() {
  if (closed_ || finished_) return fail(Errc::closed, "send", "this side has finished sending");
  if (const Errc end = receive_end_.load(std::memory_order_relaxed); end != Errc{}) send_end_ = end;
  if (send_end_) return fail(*send_end_, "send");
  return explain(loan_.check_none().error(), "send");
}

Result<void> PacketEndpoint::send_single(ByteView message, Deadline deadline) {
  if (!may_send()) return why_not_send();
  if (message.size() > traits_.max_message_size) return too_large(message.size());
  return send_one(message, {}, deadline);
}

Result<std::size_t> PacketEndpoint::send(std::span<const ByteView> messages, std::span<const int> descriptors,
                                         Deadline deadline) {
  if (!may_send()) return why_not_send();
  for (const ByteView message : messages) {
    if (message.size() > traits_.max_message_size) return too_large(message.size());
  }
  for (std::size_t gone = 0; gone < messages.size(); ++gone) {
    auto sent = send_one(messages[gone], gone == 0 ? descriptors : std::span<const int>(), deadline);
    if (!sent && gone > 0) return gone;
    if (!sent) return std::unexpected(std::move(sent).error());
  }
  return messages.size();
}

Result<Loan> PacketEndpoint::loan(std::size_t size, Deadline) {
  if (closed_ || finished_) return fail(Errc::closed, "loan", "this side has finished sending");
  if (size > traits_.max_message_size) return too_large(size);
  auto lent = loan_.lend(size, this);
  if (!lent) return explain(lent.error(), "loan");
  return lent;
}

Result<void> PacketEndpoint::commit(ByteSpan memory, std::size_t size, Deadline deadline) {
  const auto message = loan_.end(memory, size);
  if (!message) return explain(message.error(), "commit");
  static_cast<void>(TRY(send({&*message, 1}, {}, deadline)));
  return {};
}

// ---- Receiving

Result<void> PacketEndpoint::make_room() {
  if (buffer_ && buffer_->unshared()) used_ = 0;
  const std::size_t room = port().headroom() + port().max_packet();
  if (buffer_ && buffer_->capacity() - used_ >= room) return {};
  if (!buffer_.renew(spare_, std::max(buffer_size, room)))
    return fail(Errc::resource_limit, "receive", "no memory for " + std::to_string(room) + " bytes");
  used_ = 0;
  return {};
}

/// That the peer is gone comes before what it had sent: a datagram socket tells its pending error first.
os::Transfer PacketEndpoint::receive_into(ByteSpan room) {
  constexpr int errors_in_a_row = 3;
  for (int errors = 1;; ++errors) {
    const os::Transfer transfer = port().receive(room, arrived_);
    ++received_.system_calls;
    if (!transfer.broken() || transfer.error == EPIPE || errors == errors_in_a_row) return transfer;
    broken_.store(true, std::memory_order_relaxed);
  }
}

/// Takes one packet, without waiting, as the new front. False: there is none, or this is the end.
Result<bool> PacketEndpoint::fetch() {
  TRY(make_room());
  const ByteSpan room{buffer_->data() + used_, port().headroom() + port().max_packet()};
  const os::Transfer transfer = receive_into(room);
  if (transfer.error == 0) [[likely]] {
    front_ = room.subspan(port().headroom(), transfer.count);
    return true;
  }
  arrived_.clear();
  if (transfer.error == EPIPE) {
    end_ = Errc::closed;
  } else if (transfer.lost_part()) {
    end_ = Errc::protocol_violation;
  } else if (transfer.broken() || (transfer.would_block() && broken_.load(std::memory_order_relaxed))) {
    end_ = Errc::peer_died;
  } else if (!transfer.would_block()) {
    return cannot("receive", transfer);
  }
  if (end_ && *end_ != Errc::closed) receive_end_.store(*end_, std::memory_order_relaxed);
  return false;
}

Message PacketEndpoint::take_front() {
  if (!front_) {
    Message first = std::move(kept_.front());
    kept_.pop_front();
    return first;
  }
  Message message = buffer_.message(*front_);
  const auto end = static_cast<std::size_t>(front_->data() - buffer_->data()) + front_->size();
  used_ = std::min((end + 7) / 8 * 8, buffer_->capacity());
  front_.reset();
  if (!arrived_.empty()) {
    message.descriptors().swap(arrived_);
    arrived_.reserve(max_descriptors);
  }
  return message;
}

void PacketEndpoint::drop_front() noexcept {
  if (!front_) return kept_.pop_front();
  front_.reset();
  arrived_.clear();
}

std::unexpected<Error> PacketEndpoint::nothing_comes() {
  update_poll_set();
  if (*end_ != Errc::protocol_violation) return fail(*end_, "receive");
  return fail(*end_, "receive",
              "a packet came that is larger than " + std::to_string(port().max_packet()) +
                  " bytes, or with more descriptors than there was room for");
}

/// The message at the front, once there is one.
Result<ByteView> PacketEndpoint::await(Deadline deadline) {
  if (!kept_.empty()) return kept_.front().bytes();
  while (!front_) {
    if (end_) return nothing_comes();
    if (TRY(fetch())) {
      receive_waiter_.progressed();
    } else if (!end_ && !receive_waiter_.spun(deadline)) {
      if (auto waited = pause(receive_waiter_, os::Wait::readable, deadline); !waited)
        return explain(waited.error(), "receive");
    }
  }
  return *front_;
}

Result<std::size_t> PacketEndpoint::receive(ByteSpan buffer, Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  const std::lock_guard lock(receiving_);
  const ByteView message = TRY(await(deadline));
  const std::size_t size = message.size();
  if (size > buffer.size()) {
    update_poll_set();
    return fail(Errc::buffer_too_small, "receive",
                "the message has " + std::to_string(size) + " bytes, the buffer " +
                    std::to_string(buffer.size()) + ": it is still there for a larger one");
  }
  if (size > 0) std::memcpy(buffer.data(), message.data(), size);
  count(received_, size);
  drop_front();
  update_poll_set();
  return size;
}

Result<std::size_t> PacketEndpoint::borrow(std::span<Message> into, Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  const std::lock_guard lock(receiving_);
  std::size_t taken = 0;
  while (taken < into.size()) {
    const auto ready = await(taken == 0 ? deadline : Deadline::now());
    if (!ready) {
      if (taken > 0) break;  // the next call reports it
      return std::unexpected(ready.error());
    }
    count(received_, ready->size());
    into[taken++] = take_front();
  }
  update_poll_set();
  return taken;
}

Result<int> PacketEndpoint::poll_fd() {
  if (closed_) return fail(Errc::closed, "poll", "this side has closed the channel");
  if (port().read_fd() < 0)
    return fail(
        Errc::unsupported, "poll",
        "no descriptor tells of messages here: the channel only sends, or its mechanism has none and you "
        "receive with a deadline, or in a thread");
  const std::lock_guard lock(receiving_);
  if (!poll_set_) {
    auto set = TRY(os::PollSet::create());
    TRY(set.watch(port().read_fd()));
    if (port().peer_fd() >= 0) TRY(set.watch(port().peer_fd()));
    poll_set_ = std::move(set);
    update_poll_set();
  }
  return poll_set_->fd();
}

// ---- Ending

Result<void> PacketEndpoint::finish(Deadline deadline) {
  if (finished_ || closed_) return {};
  finished_ = true;
  if (send_end_ || receive_end_.load(std::memory_order_relaxed) != Errc{}) return {};
  for (;;) {
    const os::Transfer told = port().finish();
    if (told.error == 0 || told.broken()) return {};  // whoever left before us needs no goodbye
    if (!told.would_block()) return explain(Error::from_errno("finish", {}, told.error), "finish");
    if (auto waited = pause(send_waiter_, os::Wait::writable, deadline); !waited)
      return explain(waited.error(), "finish");
  }
}

Result<void> PacketEndpoint::close(Deadline deadline) {
  if (closed_) return {};
  auto told = finish(deadline);
  closed_ = true;
  poll_set_.reset();
  port().close();
  return told;
}

}  // namespace

std::unique_ptr<Endpoint> make_packet_endpoint(const Address& address, PacketConnection connection,
                                               Traits traits, const ChannelOptions& options) {
  traits.max_message_size = connection.port->max_packet();
  return std::make_unique<PacketEndpoint>(address, std::move(connection), traits, options);
}

}  // namespace tenon
