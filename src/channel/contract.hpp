// What every channel promises, and what a transport implements to keep it.
//
// The promises (docs/contract.md explains them; conformance_*_test.cpp have at least one test for each, named
// after it, and run it over every row of the table):
//
//  1 whole messages  One send is one receive, byte for byte, from 0 to traits.max_message_size bytes (at least
//                    64 MiB). Beyond: message_too_large at the sender, nothing sent, the channel goes on.
//  2 in order        Exactly once and in order, in each direction, while both ends live.
//  3 back-pressure   A full channel makes send wait until its deadline. timed_out: the peer will never see this
//                    message, and the channel goes on.
//  4 orderly close   All that was sent before close() is received, then `closed`. The end of a stream never
//                    cuts a message.
//  5 death           All that the peer had committed is received, then peer_died, within a second. No wait
//                    hangs, no message is torn, whatever instruction kill -9 hit.
//  6 nothing left    After both ends are gone, however they went, the next listen() at the address succeeds. A
//                    process that ends normally leaves no name behind.
//  7 a live name     is never stolen: a second listen() gets address_in_use, with the holder's pid if known.
//  8 owner-only      Names are created 0600 whatever the umask; mode= and group= widen on purpose. A symbolic
//                    link or another user's object at the place is an error, never followed.
//  9 hostile peers   get protocol_violation and are disconnected: no crash, no undefined behaviour, no
//                    allocation beyond max_message_size, no hang.
// 10 threads         One may send while another receives; different channels are independent.
// 11 deadlines       hold on every blocking call; another thread can cancel a wait.
// 12 errors          carry code, operation, address and cause, and say what to do.
// 13 fork and exec   Nothing leaks into a child that was not given to it.
#pragma once

#include <memory>
#include <optional>
#include <span>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/channel.hpp>

namespace tenon {

/// One end of a channel: what a transport implements. The rules of Channel hold, threads included.
class Endpoint {
 public:
  explicit Endpoint(Address address)
      : address_(std::move(address)),
        text_(std::make_shared<const ErrorText>(ErrorText{address_.to_string(), {}})) {}
  Endpoint(const Endpoint&) = delete;
  Endpoint& operator=(const Endpoint&) = delete;
  virtual ~Endpoint() = default;

  /// Sends in order; `descriptors` go with the first message (only when traits() carry them; checked by
  /// Channel). Returns how many went; an error only when the first did not.
  virtual Result<std::size_t> send(std::span<const ByteView> messages, std::span<const int> descriptors,
                                   Deadline deadline) = 0;
  /// The same for one, without any; where that can be had for less.
  virtual Result<void> send_single(ByteView message, Deadline deadline);
  virtual Result<Loan> loan(std::size_t size, Deadline deadline) = 0;
  virtual Result<std::size_t> receive(ByteSpan buffer, Deadline deadline) = 0;
  virtual Result<std::size_t> borrow(std::span<Message> into, Deadline deadline) = 0;
  /// The same for one.
  virtual Result<Message> borrow_single(Deadline deadline);
  virtual Result<void> finish(Deadline deadline) = 0;
  virtual Result<void> close(Deadline deadline) = 0;
  /// Where a death cannot be told from a close, this is one.
  virtual void abort() noexcept { static_cast<void>(close(Deadline::now())); }
  virtual Result<int> poll_fd() = 0;
  virtual std::optional<PeerInfo> peer() const = 0;
  virtual Traits traits() const = 0;
  virtual Statistics statistics() const = 0;

  const Address& address() const noexcept { return address_; }

 protected:
  /// An error about this channel, without allocating.
  std::unexpected<Error> fail(Errc code, std::string_view operation, int system_errno = 0) const noexcept {
    return std::unexpected(Error(code, operation, text_, system_errno));
  }
  /// One that says more.
  std::unexpected<Error> fail(Errc code, std::string_view operation, std::string advice,
                              int system_errno = 0) const {
    return std::unexpected(Error(code, operation, text_->subject, std::move(advice), system_errno));
  }
  /// A failure of one of the parts, as this channel's.
  std::unexpected<Error> explain(const Error& error, std::string_view operation) const {
    if (error.advice().empty()) return fail(error.code(), operation, error.system_errno());
    return fail(error.code(), operation, std::string(error.advice()), error.system_errno());
  }

 private:
  Address address_;
  std::shared_ptr<const ErrorText> text_;
};

/// What Listener forwards to.
class Acceptor {
 public:
  explicit Acceptor(Address address) : address_(std::move(address)) {}
  Acceptor(const Acceptor&) = delete;
  Acceptor& operator=(const Acceptor&) = delete;
  virtual ~Acceptor() = default;

  virtual Result<std::unique_ptr<Endpoint>> accept(Deadline deadline) = 0;
  virtual Result<int> poll_fd() = 0;

  const Address& address() const noexcept { return address_; }

 private:
  Address address_;
};

/// The two sides of a channel to a child that does not run yet (child_ends.hpp).
struct ChildEnds;
/// stream.hpp
struct StreamConnection;
struct StreamListener;

/// One row of the table of transports (table.cpp). Options are checked before any of the functions is called:
/// every one is known, and `require` is met by `traits(address)`.
struct Transport {
  std::string_view scheme;
  std::string_view mechanism;
  std::string_view place;
  std::vector<std::string_view> options;
  Traits general_traits;  ///< with default options
  /// What a channel at this address would keep. Errors: an option value that makes no sense.
  Result<Traits> (*traits)(const Address& address);
  /// Rendezvous alone, for a transport over byte streams: the handshake and what follows are the same for all.
  Result<StreamConnection> (*dial)(const Address& address, Deadline deadline) = nullptr;
  Result<StreamListener> (*bind)(const Address& address) = nullptr;
  /// All of it, for any other transport; beside dial and bind, for those of its addresses that are no streams
  /// (framing=raw over packets, say). Null for an address that is one.
  Result<std::unique_ptr<Endpoint>> (*connect)(const Address& address, Deadline deadline) = nullptr;
  Result<std::unique_ptr<Acceptor>> (*listen)(const Address& address) = nullptr;
  /// For spawn(): our connection, and the descriptors that the child is given. Null where a child cannot
  /// inherit it.
  Result<ChildEnds> (*child_ends)(const Address& address) = nullptr;
  /// This machine's limits, one line each.
  std::vector<std::string> (*limits)() = nullptr;
};

/// The table. Errors: invalid_argument that lists the known schemes.
Result<const Transport*> transport_of(const Address& address);

/// The same, after its options have been checked. Errors: those, and unsupported when it lacks what `require` or the
/// address asks for.
Result<const Transport*> checked_transport(std::string_view operation, const Address& address,
                                           TraitSet require);

/// That every option of `address` is one of the transport's. Errors: invalid_argument that lists those.
Result<void> check_options(std::string_view operation, const Transport& transport, const Address& address);

}  // namespace tenon
