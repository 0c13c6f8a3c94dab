// Peers at the door: an acceptor that shakes hands with many at once, so that a slow or silent one keeps nobody
// waiting. What a handshake is, is the transport's.
#pragma once

#include <chrono>
#include <functional>
#include <list>
#include <memory>

#include "channel/contract.hpp"
#include "os/byte_stream.hpp"
#include "os/poll_set.hpp"

namespace tenon {

/// One peer in the middle of its handshake.
class Greeting {
 public:
  virtual ~Greeting() = default;
  /// False where there is nothing to say first: the peer is accepted as it is, and not watched.
  virtual bool is_needed() const noexcept { return true; }
  /// As much as can be done without waiting. True when all is done. Errors: it is to be dropped.
  virtual Result<bool> step() = 0;
  /// After step() was true: the channel. `deadline` is that of accept().
  virtual Result<std::unique_ptr<Endpoint>> finish(const Address& address, Deadline deadline) = 0;
  virtual const os::ByteStream& stream() const noexcept = 0;
};

class GreetingAcceptor final : public Acceptor {
 public:
  /// Takes the next peer that waits, without waiting for one (timed_out). It may also refuse it.
  using Next = std::move_only_function<Result<std::unique_ptr<Greeting>>()>;

  /// `fd` is readable when `next` may have something to do; `next` owns what it belongs to.
  static Result<std::unique_ptr<Acceptor>> create(Address address, int fd, Next next);

  Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) override;
  Result<int> poll_fd() override { return poll_set_.fd(); }

 private:
  static constexpr std::size_t max_pending = 64;  ///< beyond it the oldest is dropped
  static constexpr int max_accepts_a_turn = 16;   ///< before those that are ready are looked at
  static constexpr std::chrono::nanoseconds handshake_time = std::chrono::seconds(1);

  struct Pending {
    std::unique_ptr<Greeting> greeting;
    Deadline deadline;
    bool watched = false;
  };

  GreetingAcceptor(Address address, os::PollSet poll_set, Next next)
      : Acceptor(std::move(address)), poll_set_(std::move(poll_set)), next_(std::move(next)) {}

  Result<bool> take_waiting();
  Result<std::unique_ptr<Endpoint>> first_finished(Deadline deadline);
  std::list<Pending>::iterator drop(std::list<Pending>::iterator pending);
  Deadline next_expiry(Deadline deadline) const;

  os::PollSet poll_set_;
  std::list<Pending> pending_;  // before next_, which owns the listening descriptor
  Next next_;
};

}  // namespace tenon
