#include "channel/file/endpoint.hpp"

#include <atomic>
#include <utility>

#include "base/try.hpp"
#include "channel/file/peer.hpp"
#include "channel/staged_loan.hpp"
#include "os/file_io.hpp"
#include "os/poll_set.hpp"
#include "os/wait.hpp"
#include "os/waiter.hpp"

namespace tenon::filelog {
namespace {

/// How long a wait goes on before it looks whether the peer is there: only its process can have told otherwise.
constexpr std::chrono::milliseconds look_again{250};

constexpr std::uint64_t receives_awake = 64;  ///< without a sleep: then the log is not watched any more

/// One direction's way to wait for a change of its file.
struct Watching {
  std::optional<os::ChangeWatch> watch;
  int file = -1;              ///< the watch of it
  std::uint64_t segment = 0;  ///< its number, where it is one
  std::uint64_t sleeps = 0;   ///< when receives were counted last
  std::uint64_t receives = 0;
};

struct Logs {
  LogWriter writer;
  LogReader reader;
};

class FileEndpoint final : public Endpoint, private detail::LoanOwner {
 public:
  FileEndpoint(const Address& address, std::shared_ptr<Place> place, const Presence& theirs, LogWriter writer,
               LogReader reader, Traits traits, const FileOptions& options)
      : Endpoint(address),
        place_(std::move(place)),
        peer_(*place_, theirs),
        session_(theirs.session),
        takes_(options.channel.max_message_size),
        traits_(traits),
        logs_(Logs{std::move(writer), std::move(reader)}),
        send_waiter_(options.channel.wait),
        receive_waiter_(options.channel.wait) {}
  ~FileEndpoint() override;

  Result<std::size_t> send(std::span<const ByteView> messages, std::span<const int> descriptors,
                           Deadline deadline) override;
  Result<Loan> loan(std::size_t size, Deadline deadline) override;
  Result<std::size_t> receive(ByteSpan buffer, Deadline deadline) override;
  Result<std::size_t> borrow(std::span<Message> into, Deadline deadline) override;
  Result<void> finish(Deadline deadline) override;
  Result<void> close(Deadline deadline) override;
  void abort() noexcept override;
  Result<int> poll_fd() override;
  std::optional<PeerInfo> peer() const override { return std::nullopt; }
  Traits traits() const override { return traits_; }
  Statistics statistics() const override;

 private:
  Result<void> commit(ByteSpan memory, std::size_t size, Deadline deadline) override;
  void drop(ByteSpan) noexcept override { staging_.drop(); }

  std::unexpected<Error> too_large(std::size_t size) const;
  std::unexpected<Error> explain(const Error& error, std::string_view operation) const;
  std::unexpected<Error> stop_sending();
  Result<void> wait_for_room(Deadline deadline);
  Result<void> await_message(Deadline deadline);
  Result<void> wait_for_record(Deadline deadline);
  Result<void> wait_for_change(const Watching& watching, Deadline deadline);
  void receive_begins();
  std::unexpected<Error> not_received(const Error& error);
  bool process_has_ended() const noexcept;
  void update_poll_set();

  std::shared_ptr<Place> place_;
  Peer peer_;
  std::uint64_t session_;
  std::uint64_t takes_;
  Traits traits_;
  std::optional<Logs> logs_;  ///< until we close
  Statistics at_the_end_;     ///< from then on

  os::Waiter send_waiter_;
  Watching room_;
  Peer::LastLook send_look_{};
  os::Waiter receive_waiter_;
  Watching records_;
  Peer::LastLook receive_look_{};
  std::optional<os::PollSet> poll_set_;

  StagedLoan staging_;
  bool finished_ = false;
  bool closed_ = false;
  /// Set by the receiving thread, for the sending one. Relaxed: it says nothing about other memory.
  std::atomic<Errc> receive_end_ = Errc{};
  std::optional<Errc> send_end_;  ///< why nothing can be sent any more
};

FileEndpoint::~FileEndpoint() {
  try {
    static_cast<void>(close(Deadline::in(std::chrono::seconds(1))));
  } catch (const std::bad_alloc&) {  // for the text of an error
    abort();
  }
}

// ---- Errors

std::unexpected<Error> FileEndpoint::too_large(std::size_t size) const {
  return fail(Errc::message_too_large, "send",
              std::to_string(size) + " bytes, and the receiver takes at most " +
                  std::to_string(traits_.max_message_size) +
                  ": split the message, or raise max-message-size= in the receiver's address");
}

/// A failure of one of the halves, as this channel's.
std::unexpected<Error> FileEndpoint::explain(const Error& error, std::string_view operation) const {
  if (error.advice().empty()) return fail(error.code(), operation, error.system_errno());
  return fail(error.code(), operation, std::string(error.advice()), error.system_errno());
}

std::unexpected<Error> FileEndpoint::not_received(const Error& error) {
  if (error.code() == Errc::protocol_violation || error.code() == Errc::peer_died)
    receive_end_.store(error.code(), std::memory_order_relaxed);
  update_poll_set();
  return explain(error, "receive");
}

/// The peer does not read any more. How it went stands at the end of what it wrote.
std::unexpected<Error> FileEndpoint::stop_sending() {
  const bool in_order = ended_in_order(*place_, incoming(place_->role()), session_);
  send_end_ = in_order ? Errc::closed : Errc::peer_died;
  return fail(*send_end_, "send");
}

// ---- Sending

Result<std::size_t> FileEndpoint::send(std::span<const ByteView> messages, std::span<const int>,
                                       Deadline deadline) {
  if (closed_ || finished_) return fail(Errc::closed, "send", "this side has finished sending");
  if (const Errc end = receive_end_.load(std::memory_order_relaxed); end != Errc{}) send_end_ = end;
  if (send_end_) return fail(*send_end_, "send");
  if (auto none = staging_.check_none(); !none) return explain(none.error(), "send");
  for (const ByteView message : messages) {
    if (message.size() > traits_.max_message_size) return too_large(message.size());
  }
  std::size_t sent = 0;
  bool look_now = false;
  while (sent < messages.size()) {
    if (peer_.is_gone(send_look_, look_now)) return stop_sending();
    auto went = logs_->writer.append(messages.subspan(sent));
    if (!went) {
      if (sent > 0) return sent;
      return explain(went.error(), "send");
    }
    sent += *went;
    if (*went > 0) {
      send_waiter_.progressed();
      continue;
    }
    look_now = false;
    auto paused = send_waiter_.pause(
        [&](Deadline until) {
          look_now = true;
          return wait_for_room(until);
        },
        deadline);
    if (!paused) {
      if (sent > 0) return sent;
      return explain(paused.error(), "send");
    }
  }
  return sent;
}

Result<void> FileEndpoint::wait_for_room(Deadline deadline) {
  if (!room_.watch) {
    auto watch = TRY(os::ChangeWatch::create());
    static_cast<void>(TRY(watch.add(logs_->writer.position_descriptor())));
    static_cast<void>(TRY(watch.add(place_->descriptor())));
    room_.watch.emplace(std::move(watch));
  }
  if (TRY(logs_->writer.ask_for_room())) {
    room_.watch->drain();
    return {};  // what came before is seen by looking once more
  }
  return wait_for_change(room_, deadline);
}

/// Until the files that are watched change, or the peer may be gone.
Result<void> FileEndpoint::wait_for_change(const Watching& watching, Deadline deadline) {
  const Deadline look = deadline.or_earlier(Deadline::in(look_again));
  const auto woken =
      os::wait_for_either(watching.watch->fd(), os::Wait::readable, peer_.process_descriptor(), look);
  if (!woken && (woken.error().code() != Errc::timed_out || deadline.expired())) return woken;
  watching.watch->drain();
  return {};
}

Result<Loan> FileEndpoint::loan(std::size_t size, Deadline) {
  if (closed_ || finished_) return fail(Errc::closed, "loan", "this side has finished sending");
  if (size > traits_.max_message_size) return too_large(size);
  auto lent = staging_.lend(size, this);
  if (!lent) return explain(lent.error(), "loan");
  return lent;
}

Result<void> FileEndpoint::commit(ByteSpan memory, std::size_t size, Deadline deadline) {
  const auto message = staging_.end(memory, size);
  if (!message) return explain(message.error(), "commit");
  static_cast<void>(TRY(send({&*message, 1}, {}, deadline)));
  return {};
}

// ---- Receiving

bool FileEndpoint::process_has_ended() const noexcept {
  const int pidfd = peer_.process_descriptor();
  return pidfd >= 0 && os::wait_for(pidfd, os::Wait::readable, Deadline::now()).has_value();
}

/// Until a message is in front. Asking for the next one says that those before have been dealt with.
Result<void> FileEndpoint::await_message(Deadline deadline) {
  if (const Errc end = receive_end_.load(std::memory_order_relaxed); end == Errc::peer_died)
    return std::unexpected(Error(end, "receive"));
  TRY(logs_->reader.commit());
  bool look_now = poll_set_.has_value();  // a loop that polls comes because of something
  bool was_gone = false;
  for (;;) {
    if (poll_set_ && records_.watch) records_.watch->drain();
    const auto front = TRY(logs_->reader.look());
    if (front == LogReader::Front::message) return {};
    if (front == LogReader::Front::closed) return std::unexpected(Error(Errc::closed, "receive"));
    if (was_gone) return std::unexpected(Error(Errc::peer_died, "receive"));
    was_gone = peer_.is_gone(receive_look_, look_now);
    if (was_gone) continue;  // what it wrote before it went
    if (look_now && process_has_ended()) {
      if (poll_set_) poll_set_->unwatch(peer_.process_descriptor());
      peer_.lose_process();
    }
    look_now = false;
    TRY(receive_waiter_.pause(
        [&](Deadline until) {
          look_now = true;
          return wait_for_record(until);
        },
        deadline));
  }
}

Result<void> FileEndpoint::wait_for_record(Deadline deadline) {
  if (!records_.watch) {
    auto watch = TRY(os::ChangeWatch::create());
    static_cast<void>(TRY(watch.add(place_->descriptor())));
    records_.watch.emplace(std::move(watch));
  }
  if (records_.segment == logs_->reader.segment_number()) return wait_for_change(records_, deadline);
  if (records_.file >= 0) records_.watch->remove(records_.file);
  records_.file = -1;
  records_.file = TRY(records_.watch->add(logs_->reader.descriptor()));
  records_.segment = logs_->reader.segment_number();
  return {};  // what came before is seen by looking once more
}

/// To a writer a watch of its file costs as much as half of a write: without need there is none.
void FileEndpoint::receive_begins() {
  receive_waiter_.progressed();
  if (records_.segment == 0 || poll_set_) return;
  if (std::exchange(records_.sleeps, receive_waiter_.sleeps()) != receive_waiter_.sleeps())
    records_.receives = 0;
  if (++records_.receives < receives_awake) return;
  records_.watch->remove(std::exchange(records_.file, -1));
  records_.segment = 0;
}

Result<std::size_t> FileEndpoint::receive(ByteSpan buffer, Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  if (auto there = await_message(deadline); !there) return not_received(there.error());
  receive_begins();
  const std::uint64_t size = logs_->reader.size();
  if (size > buffer.size()) {
    update_poll_set();
    return fail(Errc::buffer_too_small, "receive",
                "the message has " + std::to_string(size) + " bytes, the buffer " +
                    std::to_string(buffer.size()) + ": it is still there for a larger one");
  }
  if (auto taken = logs_->reader.take(buffer.first(size)); !taken) return not_received(taken.error());
  update_poll_set();
  return size;
}

Result<std::size_t> FileEndpoint::borrow(std::span<Message> into, Deadline deadline) {
  if (closed_) return fail(Errc::closed, "receive", "this side has closed the channel");
  if (into.empty()) return 0;
  if (auto there = await_message(deadline); !there) return not_received(there.error());
  receive_begins();
  std::size_t count = 0;
  while (count < into.size()) {
    if (count > 0) {
      const auto front = logs_->reader.look();
      // The next call reports it, and has memory for a long one once these are given back.
      if (!front || *front != LogReader::Front::message || logs_->reader.is_long()) break;
    }
    auto message = logs_->reader.take();
    if (!message) {
      if (count > 0) break;
      return not_received(message.error());
    }
    into[count++] = std::move(*message);
  }
  update_poll_set();
  return count;
}

// ---- Polling

/// Readable while something can be told at once. The watch is drained before the file is looked at: what comes after
/// that makes it readable again.
void FileEndpoint::update_poll_set() {
  if (!poll_set_) return;
  records_.watch->drain();
  if (records_.segment != logs_->reader.segment_number()) {
    if (!wait_for_record(Deadline::now())) return poll_set_->set_ready(true);
  }
  const auto front = logs_->reader.look();
  const bool moved = records_.segment != logs_->reader.segment_number();
  poll_set_->set_ready(moved || !front || *front != LogReader::Front::nothing || peer_.was_gone());
}

Result<int> FileEndpoint::poll_fd() {
  if (closed_) return fail(Errc::closed, "poll", "this side has closed the channel");
  if (poll_set_) return poll_set_->fd();
  while (records_.segment != logs_->reader.segment_number()) TRY(wait_for_record(Deadline::now()));
  auto set = TRY(os::PollSet::create());
  TRY(set.watch(records_.watch->fd()));
  if (peer_.process_descriptor() >= 0) TRY(set.watch(peer_.process_descriptor()));
  poll_set_ = std::move(set);
  update_poll_set();
  return poll_set_->fd();
}

Statistics FileEndpoint::statistics() const {
  Statistics both = logs_ ? Statistics{logs_->writer.statistics(), logs_->reader.statistics()} : at_the_end_;
  both.sent.spins = send_waiter_.turns();
  both.sent.sleeps = send_waiter_.sleeps();
  both.sent.full_waits = send_waiter_.waits();
  both.received.spins = receive_waiter_.turns();
  both.received.sleeps = receive_waiter_.sleeps();
  return both;
}

// ---- Ending

Result<void> FileEndpoint::finish(Deadline) {
  if (finished_ || closed_) return {};
  finished_ = true;
  if (send_end_ || receive_end_.load(std::memory_order_relaxed) != Errc{} || peer_.was_gone()) return {};
  if (auto told = logs_->writer.append_close(); !told) return explain(told.error(), "finish");
  return {};
}

Result<void> FileEndpoint::close(Deadline deadline) {
  if (closed_) return {};
  auto told = finish(deadline);
  abort();
  return told;
}

/// What was received counts as read. Whether we closed in order stands in the log, not in our line.
void FileEndpoint::abort() noexcept {
  if (closed_) return;
  closed_ = true;
  poll_set_.reset();
  try {
    static_cast<void>(logs_->reader.commit());
  } catch (const std::bad_alloc&) {  // then the last ones are received again
  }
  at_the_end_ = statistics();
  logs_.reset();
  room_.watch.reset();
  records_.watch.reset();
  place_->end_channel(session_, takes_);
  place_.reset();
}

}  // namespace

std::unique_ptr<Endpoint> make_endpoint(const Address& address, std::shared_ptr<Place> place,
                                        const Presence& theirs, LogWriter writer, LogReader reader,
                                        Traits traits, const FileOptions& options) {
  return std::make_unique<FileEndpoint>(address, std::move(place), theirs, std::move(writer),
                                        std::move(reader), traits, options);
}

}  // namespace tenon::filelog
