#include "channel/raw_stream.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/try.hpp"
#include "channel/segment.hpp"
#include "channel/staged_loan.hpp"

namespace tenon {
namespace {

constexpr std::size_t buffer_size = 128 * 1024;
constexpr std::size_t batch_messages = 128;
constexpr std::byte line_end{'\n'};

/// Without frames nothing can be taken back: a message of which a part has gone when the deadline passes
/// counts as sent, and its rest goes out before anything else. The end of the stream is `closed`, however the
/// peer went.
class RawEndpoint final : public Endpoint, private detail::LoanOwner {
 public:
  RawEndpoint(const Address& address, StreamConnection connection, Traits traits,
              const ChannelOptions& options)
      : Endpoint(address),
        connection_(std::move(connection)),
        traits_(traits),
        lines_(options.framing == Framing::lines),
        send_waiter_(options.wait),
        receive_waiter_(options.wait) {}
  ~RawEndpoint() override { static_cast<void>(close(Deadline::in(std::chrono::seconds(1)))); }

  Result<std::size_t> send(std::span<const ByteView> messages, std::span<const int> descriptors,
                           Deadline deadline) override;
  Result<Loan> loan(std::size_t size, Deadline deadline) override;
  Result<std::size_t> receive(ByteSpan buffer, Deadline deadline) override;
  Result<std::size_t> borrow(std::span<Message> into, Deadline deadline) override;
  Result<void> finish(Deadline deadline) override;
  Result<void> close(Deadline deadline) override;
  Result<int> poll_fd() override;
  std::optional<PeerInfo> peer() const override { return connection_.peer; }
  Traits traits() const override { return traits_; }
  Statistics statistics() const override {
    Statistics all = statistics_;
    all.sent.spins = send_waiter_.turns();
    all.sent.sleeps = send_waiter_.sleeps();
    all.sent.full_waits = send_waiter_.waits();
    all.received.spins = receive_waiter_.turns();
    all.received.sleeps = receive_waiter_.sleeps();
    return all;
  }

 private:
  struct Found {
    std::size_t size;      ///< of the message at the front of the buffer
    std::size_t with_end;  ///< and of what ends it
  };

  Result<void> commit(ByteSpan memory, std::size_t size, Deadline deadline) override;
  void drop(ByteSpan) noexcept override { loan_.drop(); }
  Result<void> check(std::span<const ByteView> messages) const;
  Result<std::size_t> write(std::span<os::Slice> slices, Deadline deadline);
  Result<void> flush(Deadline deadline);
  std::optional<Found> find() noexcept;
  Result<Found> await(Deadline deadline);
  Result<void> make_room();
  void consume(const Found& found) noexcept;
  std::unexpected<Error> failed(const os::Transfer& transfer, std::string_view operation) const;
  void update_poll_set() {
    if (poll_set_) poll_set_->set_ready(at_end_ || find().has_value() || connection_.stream->holds_more());
  }

  StreamConnection connection_;
  Traits traits_;
  bool lines_;
  os::Waiter send_waiter_;
  os::Waiter receive_waiter_;
  Statistics statistics_;
  std::vector<std::byte> unsent_;  ///< the rest of a message that counts as sent
  StagedLoan loan_;
  bool finished_ = false;
  bool closed_ = false;
  SegmentPtr buffer_;
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t searched_ = 0;  ///< up to here the buffer has no line end
  bool at_end_ = false;
  std::optional<os::PollSet> poll_set_;
};

void count(Statistics::Direction& direction, std::size_t size) noexcept {
  ++direction.messages;
  direction.bytes += size;
  direction.largest = std::max<std::uint64_t>(direction.largest, size);
}

std::unexpected<Error> RawEndpoint::failed(const os::Transfer& transfer, std::string_view operation) const {
  if (transfer.wrong_way()) {
    return fail(Errc::unsupported, operation,
                "bytes go one way here, and this side has begun with the other: use a second channel for the "
                "way back");
  }
  return explain(Error::from_errno(operation, {}, transfer.error), operation);
}

// ---- Sending

Result<void> RawEndpoint::check(std::span<const ByteView> messages) const {
  for (const ByteView message : messages) {
    if (message.size() > traits_.max_message_size) {
      return fail(Errc::message_too_large, "send",
                  std::to_string(message.size()) + " bytes, the maximum is " +
                      std::to_string(traits_.max_message_size) +
                      ": split the message, or raise max-message-size=");
    }
    if (lines_ && std::ranges::find(message, line_end) != message.end()) {
      return fail(Errc::invalid_argument, "send",
                  "the message contains a line break, which ends a message with framing=lines: split it, or "
                  "use framing=message");
    }
  }
  return {};
}

/// Writes all, or as much as the deadline allows; how much. An error only when nothing went.
Result<std::size_t> RawEndpoint::write(std::span<os::Slice> slices, Deadline deadline) {
  std::size_t written = 0;
  while (!slices.empty()) {
    const os::Transfer transfer = connection_.stream->write(slices, {});
    ++statistics_.sent.system_calls;
    if (transfer.broken()) return std::unexpected(Error(Errc::closed, "send"));
    if (transfer.error != 0 && !transfer.would_block()) return failed(transfer, "send");
    if (transfer.error != 0) {
      if (auto waited = os::pause(send_waiter_, *connection_.stream, os::Wait::writable, deadline); !waited) {
        if (written > 0) return written;
        return std::unexpected(std::move(waited).error());
      }
      continue;
    }
    send_waiter_.progressed();
    written += transfer.count;
    std::size_t gone = transfer.count;
    while (!slices.empty() && gone >= slices.front().size) {
      gone -= slices.front().size;
      slices = slices.subspan(1);
    }
    if (!slices.empty()) slices.front() = {slices.front().data + gone, slices.front().size - gone};
  }
  return written;
}

Result<void> RawEndpoint::flush(Deadline deadline) {
  while (!unsent_.empty()) {
    std::array<os::Slice, 1> rest{os::Slice{unsent_.data(), unsent_.size()}};
    const std::size_t written = TRY(write(rest, deadline));
    unsent_.erase(unsent_.begin(), unsent_.begin() + static_cast<std::ptrdiff_t>(written));
  }
  return {};
}

Result<std::size_t> RawEndpoint::send(std::span<const ByteView> messages, std::span<const int>,
                                      Deadline deadline) {
  if (closed_ || finished_) return fail(Errc::closed, "send", "this side has finished sending");
  if (auto none = loan_.check_none(); !none) return explain(none.error(), "send");
  TRY(check(messages));
  if (auto flushed = flush(deadline); !flushed) return explain(flushed.error(), "send");
  std::size_t sent = 0;
  std::byte end = line_end;
  while (sent < messages.size()) {
    std::array<os::Slice, 2 * batch_messages> slices;
    const auto batch = messages.subspan(sent, std::min(batch_messages, messages.size() - sent));
    std::size_t count_slices = 0;
    for (const ByteView message : batch) {
      slices[count_slices++] = {const_cast<std::byte*>(message.data()), message.size()};
      if (lines_) slices[count_slices++] = {&end, 1};
    }
    auto written = write(std::span(slices).first(count_slices), deadline);
    if (!written) {
      if (sent > 0 && written.error().code() != Errc::closed) return sent;
      return explain(written.error(), "send");
    }
    for (const ByteView message : batch) {
      const std::size_t size = message.size() + (lines_ ? 1 : 0);
      if (*written == 0 && size > 0) return sent;
      const std::size_t gone = std::min(*written, size);
      for (std::size_t i = gone; i < size; ++i) unsent_.push_back(i < message.size() ? message[i] : end);
      *written -= gone;
      count(statistics_.sent, message.size());
      ++sent;
    }
  }
  return sent;
}

Result<Loan> RawEndpoint::loan(std::size_t size, Deadline) {
  if (closed_ || finished_) return fail(Errc::closed, "loan", "this side has finished sending");
  if (size > traits_.max_message_size) return fail(Errc::message_too_large, "loan");
  auto lent = loan_.lend(size, this);
  if (!lent) return explain(lent.error(), "loan");
  return lent;
}

Result<void> RawEndpoint::commit(ByteSpan memory, std::size_t size, Deadline deadline) {
  const auto message = loan_.end(memory, size);
  if (!message) return explain(message.error(), "commit");
  static_cast<void>(TRY(send({&*message, 1}, {}, deadline)));
  return {};
}

// ---- Receiving

std::optional<RawEndpoint::Found> RawEndpoint::find() noexcept {
  if (begin_ == end_) return std::nullopt;
  if (!lines_) return Found{end_ - begin_, end_ - begin_};
  const std::byte* from = buffer_->data() + std::max(begin_, searched_);
  const void* hit = std::memchr(from, '\n', static_cast<std::size_t>(buffer_->data() + end_ - from));
  if (hit != nullptr) {
    const std::size_t size =
        static_cast<std::size_t>(static_cast<const std::byte*>(hit) - (buffer_->data() + begin_));
    return Found{size, size + 1};
  }
  searched_ = end_;
  if (at_end_) return Found{end_ - begin_, end_ - begin_};  // a last line without its break
  return std::nullopt;
}

void RawEndpoint::consume(const Found& found) noexcept {
  begin_ += found.with_end;
  count(statistics_.received, found.size);
}

Result<void> RawEndpoint::make_room() {
  if (buffer_ && begin_ == end_ && buffer_->unshared()) begin_ = end_ = searched_ = 0;
  if (buffer_ && end_ < buffer_->capacity()) return {};
  const std::size_t rest = end_ - begin_;
  if (rest > traits_.max_message_size) {
    return fail(
        Errc::protocol_violation, "receive",
        "a line of more than " + std::to_string(traits_.max_message_size) + " bytes (max-message-size=)");
  }
  if (buffer_ && buffer_->unshared() && begin_ >= buffer_->capacity() / 2) {
    std::memmove(buffer_->data(), buffer_->data() + begin_, rest);
  } else {
    SegmentPtr larger = SegmentPtr::allocate(std::max(buffer_size, 2 * rest));
    if (!larger)
      return fail(Errc::resource_limit, "receive", "no memory for " + std::to_string(2 * rest) + " bytes");
    if (rest > 0) std::memcpy(larger->data(), buffer_->data() + begin_, rest);
    buffer_ = std::move(larger);
  }
  searched_ = searched_ > begin_ ? searched_ - begin_ : 0;
  begin_ = 0;
  end_ = rest;
  return {};
}

Result<RawEndpoint::Found> RawEndpoint::await(Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  for (;;) {
    if (const auto found = find()) return *found;
    if (at_end_) return fail(Errc::closed, "receive");
    TRY(make_room());
    std::vector<os::Fd> unwanted;
    const os::Slice room{buffer_->data() + end_, buffer_->capacity() - end_};
    const os::Transfer transfer = connection_.stream->read({&room, 1}, unwanted);
    ++statistics_.received.system_calls;
    if (transfer.count > 0) {
      receive_waiter_.progressed();
      end_ += transfer.count;
    } else if (transfer.would_block()) {
      auto waited = os::pause(receive_waiter_, *connection_.stream, os::Wait::readable, deadline);
      if (!waited) return explain(waited.error(), "receive");
    } else if (transfer.error == 0 || transfer.broken()) {
      at_end_ = true;
    } else {
      return failed(transfer, "receive");
    }
  }
}

Result<std::size_t> RawEndpoint::receive(ByteSpan buffer, Deadline deadline) {
  auto found = TRY(await(deadline));
  if (lines_ && found.size > buffer.size()) {
    return fail(Errc::buffer_too_small, "receive",
                "the line has " + std::to_string(found.size) + " bytes, the buffer " +
                    std::to_string(buffer.size()) + ": it is still there for a larger one");
  }
  if (!lines_) found.size = found.with_end = std::min(found.size, buffer.size());
  if (found.size > 0) std::memcpy(buffer.data(), buffer_->data() + begin_, found.size);
  consume(found);
  update_poll_set();
  return found.size;
}

Result<std::size_t> RawEndpoint::borrow(std::span<Message> into, Deadline deadline) {
  std::size_t taken = 0;
  while (taken < into.size()) {
    const auto found = taken == 0 ? std::optional(TRY(await(deadline))) : find();
    if (!found) break;
    into[taken++] = buffer_.message({buffer_->data() + begin_, found->size});
    consume(*found);
  }
  update_poll_set();
  return taken;
}

Result<int> RawEndpoint::poll_fd() {
  if (closed_) return fail(Errc::closed, "poll", "this side has closed the channel");
  if (!poll_set_) {
    const os::Transfer ready{0, connection_.stream->prepare_to_read()};
    if (ready.error != 0) return failed(ready, "poll");
    auto set = TRY(os::PollSet::create());
    TRY(os::watch(set, *connection_.stream));
    poll_set_ = std::move(set);
    update_poll_set();
  }
  return poll_set_->fd();
}

// ---- Ending

Result<void> RawEndpoint::finish(Deadline deadline) {
  if (finished_ || closed_) return {};
  auto flushed = flush(deadline);
  finished_ = true;
  connection_.stream->finish();
  if (!flushed && flushed.error().code() != Errc::closed) return explain(flushed.error(), "finish");
  return {};
}

Result<void> RawEndpoint::close(Deadline deadline) {
  if (closed_) return {};
  auto finished = finish(deadline);
  if (finished) {
    const auto drained = connection_.stream->drain(deadline);
    if (!drained) finished = fail(drained.error().code(), "close", std::string(drained.error().advice()));
  }
  closed_ = true;
  poll_set_.reset();
  connection_.stream->close();
  return finished;
}

}  // namespace

Result<std::unique_ptr<Endpoint>> open_raw_stream(const Address& address, StreamConnection connection,
                                                  Traits traits, const ChannelOptions& options) {
  return std::make_unique<RawEndpoint>(address, std::move(connection), traits, options);
}

}  // namespace tenon
