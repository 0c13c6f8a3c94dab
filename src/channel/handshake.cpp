// Hellos, and the acceptor that exchanges them with many peers at once.
#include <algorithm>
#include <iterator>

#include "base/try.hpp"
#include "channel/stream.hpp"

namespace tenon {

Result<bool> Handshake::step() {
  std::vector<os::Fd> unwanted;
  bool peer_left = false;
  while (sent_ < mine_.size()) {
    const os::Slice rest{mine_.data() + sent_, mine_.size() - sent_};
    const os::Transfer out = connection_.stream->write({&rest, 1}, {});
    if (out.would_block()) break;
    if (out.error != 0) {
      // It has left; but what it said first may be that it is no tenon, and that is worth knowing.
      peer_left = true;
      break;
    }
    sent_ += out.count;
  }
  while (got_ < received_.size()) {
    const os::Slice rest{received_.data() + got_, received_.size() - got_};
    const os::Transfer in = connection_.stream->read({&rest, 1}, unwanted);
    if (in.would_block()) return false;
    if (in.lost_part()) {
      return std::unexpected(Error(Errc::protocol_violation, "connect", {}, "the peer's hello is malformed"));
    }
    if (in.count == 0) return std::unexpected(Error(Errc::closed, "connect"));
    got_ += in.count;
    // Enough of another program's answer to know: it may never send 32 bytes.
    if (got_ >= 6 && !wire::is_hello_start(ByteView(received_).first(got_))) got_ = received_.size();
  }
  auto hello = wire::decode_hello(received_);
  if (!hello)
    return std::unexpected(Error(Errc::protocol_violation, "connect", {}, std::move(hello).error()));
  if (peer_left) return std::unexpected(Error(Errc::closed, "connect"));
  hello_ = *hello;
  return sent_ == mine_.size();
}

Result<void> Handshake::run(Deadline deadline) {
  while (!TRY(step())) {
    const bool sending = sent_ < mine_.size() && got_ == received_.size();
    TRY(connection_.stream->wait(sending ? os::Wait::writable : os::Wait::readable, deadline));
  }
  return {};
}

Result<std::unique_ptr<Acceptor>> StreamAcceptor::create(StreamListener listener, Traits traits) {
  const ChannelOptions options = TRY(ChannelOptions::from(listener.address));
  auto poll_set = TRY(os::PollSet::create());
  TRY(poll_set.watch(listener.fd));
  return std::unique_ptr<Acceptor>(
      new StreamAcceptor(std::move(listener), traits, options, std::move(poll_set)));
}

std::list<StreamAcceptor::Pending>::iterator StreamAcceptor::drop(std::list<Pending>::iterator pending) {
  os::unwatch(poll_set_, pending->handshake.stream());
  return pending_.erase(pending);
}

/// One connection off the queue of those that wait; false when there is none.
Result<bool> StreamAcceptor::take_waiting() {
  auto connection = accept_(Deadline::now());
  if (!connection) {
    if (connection.error().code() == Errc::timed_out) return false;
    if (connection.error().code() == Errc::resource_limit)
      return std::unexpected(std::move(connection).error());
    return true;  // refused, or gone again
  }
  if (connection->stream->peer_has_ended()) return true;  // nobody leaves before our hello who still wants us
  if (pending_.size() >= max_pending) drop(pending_.begin());
  pending_.push_back(
      {Handshake(std::move(*connection), options_.max_message_size), Deadline::in(handshake_time)});
  if (auto watched = os::watch(poll_set_, pending_.back().handshake.stream()); !watched) {
    pending_.pop_back();
    return std::unexpected(std::move(watched).error());
  }
  return true;
}

/// A peer whose handshake is done, or null. Drops those that broke it or took too long.
Result<std::unique_ptr<Endpoint>> StreamAcceptor::first_finished() {
  for (auto pending = pending_.begin(); pending != pending_.end();) {
    const auto done = pending->handshake.step();
    if (done && !*done && !pending->deadline.expired()) {
      ++pending;
      continue;
    }
    if (!done || !*done) {
      pending = drop(pending);
      continue;
    }
    os::unwatch(poll_set_, pending->handshake.stream());
    Traits traits = traits_;
    traits.max_message_size = pending->handshake.theirs().max_message_size;
    auto endpoint = make_stream_endpoint(address(), pending->handshake.take(), traits, options_);
    pending_.erase(pending);
    return endpoint;
  }
  return nullptr;
}

Deadline StreamAcceptor::next_expiry(Deadline deadline) const {
  for (const Pending& pending : pending_) deadline = deadline.or_earlier(pending.deadline);
  return deadline;
}

Result<std::unique_ptr<Endpoint>> StreamAcceptor::accept(Deadline deadline) {
  for (;;) {
    if (options_.framing == Framing::message) {
      for (int turn = 0; turn < max_accepts_a_turn && TRY(take_waiting()); ++turn) {
      }
      if (auto endpoint = TRY(first_finished())) return endpoint;
    } else if (auto connection = accept_(Deadline::now())) {
      return open_stream(address(), std::move(*connection), traits_, deadline);
    } else if (connection.error().code() == Errc::resource_limit) {
      return std::unexpected(std::move(connection).error());
    }
    const auto ready = os::wait_for(poll_set_.fd(), os::Wait::readable, next_expiry(deadline));
    if (!ready && (ready.error().code() != Errc::timed_out || deadline.expired())) {
      return std::unexpected(ready.error().with("accept", address().to_string()));
    }
  }
}

}  // namespace tenon
