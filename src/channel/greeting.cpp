#include "channel/greeting.hpp"

#include "base/try.hpp"

namespace tenon {

Result<std::unique_ptr<Acceptor>> GreetingAcceptor::create(Address address, int fd, Next next) {
  auto poll_set = TRY(os::PollSet::create());
  TRY(poll_set.watch(fd));
  return std::unique_ptr<Acceptor>(
      new GreetingAcceptor(std::move(address), std::move(poll_set), std::move(next)));
}

std::list<GreetingAcceptor::Pending>::iterator GreetingAcceptor::drop(std::list<Pending>::iterator pending) {
  if (pending->watched) os::unwatch(poll_set_, pending->greeting->stream());
  return pending_.erase(pending);
}

/// One peer off the queue of those that wait; false when there is no need to take another.
Result<bool> GreetingAcceptor::take_waiting() {
  auto greeting = next_();
  if (!greeting) {
    if (greeting.error().code() == Errc::timed_out) return false;
    if (greeting.error().code() == Errc::resource_limit) return std::unexpected(std::move(greeting).error());
    return true;  // refused, or gone again
  }
  if (pending_.size() >= max_pending) drop(pending_.begin());
  pending_.push_back({std::move(*greeting), Deadline::in(handshake_time)});
  if (!pending_.back().greeting->is_needed()) return false;  // enough: first_finished() finds it
  if (auto watched = os::watch(poll_set_, pending_.back().greeting->stream()); !watched) {
    pending_.pop_back();
    return std::unexpected(std::move(watched).error());
  }
  pending_.back().watched = true;
  return true;
}

/// A peer whose handshake is done, or null. Drops those that broke it or took too long.
Result<std::unique_ptr<Endpoint>> GreetingAcceptor::first_finished(Deadline deadline) {
  for (auto pending = pending_.begin(); pending != pending_.end();) {
    const auto done = pending->greeting->step();
    if (done && !*done && !pending->deadline.expired()) {
      ++pending;
      continue;
    }
    if (!done || !*done) {
      pending = drop(pending);
      continue;
    }
    if (pending->watched) os::unwatch(poll_set_, pending->greeting->stream());
    auto endpoint = pending->greeting->finish(address(), deadline);
    pending_.erase(pending);
    return endpoint;
  }
  return nullptr;
}

Deadline GreetingAcceptor::next_expiry(Deadline deadline) const {
  for (const Pending& pending : pending_) deadline = deadline.or_earlier(pending.deadline);
  return deadline;
}

Result<std::unique_ptr<Endpoint>> GreetingAcceptor::accept(Deadline deadline) {
  for (;;) {
    for (int turn = 0; turn < max_accepts_a_turn && TRY(take_waiting()); ++turn) {
    }
    if (auto endpoint = TRY(first_finished(deadline))) return endpoint;
    const auto ready = os::wait_for(poll_set_.fd(), os::Wait::readable, next_expiry(deadline));
    if (!ready && (ready.error().code() != Errc::timed_out || deadline.expired())) {
      return std::unexpected(ready.error().with("accept", address().to_string()));
    }
  }
}

}  // namespace tenon
