// Channels: messages between two processes, the same over every mechanism.
//
//     auto listener = tenon::listen("unix:/run/user/1000/prices");     // one process
//     auto channel = listener->accept();
//     channel->send(tenon::bytes_of("hello"));
//
//     auto channel = tenon::connect("unix:/run/user/1000/prices");     // the other
//     auto message = channel->borrow();
//
// What a channel promises is listed in docs/contract.md: whole messages, in order, exactly once; a full channel
// makes send wait; closing and dying are told apart; every wait ends.
#pragma once

#include <chrono>
#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>
#include <string_view>

#include <tenon/address.hpp>
#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/message.hpp>
#include <tenon/traits.hpp>

namespace tenon {

class Endpoint;  // what a transport implements (internal)
class Acceptor;

/// Who the other end is, from the kernel and not from the peer's word.
struct PeerInfo {
  int pid = -1;
  std::uint32_t uid = 0;
  std::uint32_t gid = 0;
};

/// What went through a channel so far, and how its calls waited. All counts are of this side's calls, since the
/// channel began.
struct Statistics {
  struct Direction {
    std::uint64_t messages = 0;
    std::uint64_t bytes = 0;         ///< of payload
    std::uint64_t largest = 0;       ///< bytes of the largest message
    std::uint64_t system_calls = 0;  ///< that moved or tried to move data
    std::uint64_t spins = 0;         ///< turns of waiting that looked again instead of sleeping (`wait=`)
    std::uint64_t sleeps = 0;        ///< times that a call went to sleep in the kernel
    /// In memory (shm:, mmap:), times that we rang for a peer that slept or polled: sent: for messages; received: for
    /// the room that we made. Elsewhere the kernel wakes by itself, and this is 0.
    std::uint64_t wakeups = 0;
    std::uint64_t full_waits = 0;  ///< sent: times that a send found the channel full, and waited or gave up
    /// sent: the most bytes, with what surrounds messages, that lay unread whenever the sender looked how far the
    /// receiver was. In memory that is when there seems to be no room, now and then before (at least once for each MiB), and now;
    /// over file: when there seems to be no room. What the kernel holds is not known, and this is 0.
    std::uint64_t high_water = 0;
    std::uint64_t lost = 0;  ///< received: messages that were sent and never came (without Trait::lossless)
  };
  Direction sent;
  Direction received;
};

/// One end of a two-way conversation. Move-only.
///
/// Threads: one thread may send (send, send_many, loan, finish) while another receives (receive, borrow,
/// borrow_many, poll_fd); different channels are independent. close(), abort() and the destructor want to be alone.
/// Destruction closes in order, waiting at most one second for room to say so.
class TENON_EXPORT Channel {
 public:
  explicit Channel(std::unique_ptr<Endpoint> endpoint) noexcept;
  Channel(Channel&&) noexcept;
  Channel& operator=(Channel&&) noexcept;
  ~Channel();

  /// Sends one message: all of it, or nothing. 0 to traits().max_message_size bytes.
  /// Errors: timed_out (the peer will never see it; the channel goes on), cancelled (likewise), message_too_large,
  /// closed (by either side), peer_died, invalid_argument (framing=lines: a line break inside).
  Result<void> send(ByteView message, Deadline deadline = Deadline::never());
  Result<void> send(std::string_view text, Deadline deadline = Deadline::never()) {
    return send(bytes_of(text), deadline);
  }

  /// The same, with copies of at most 4 of our descriptors (Trait::carries_descriptors; unix(7), SCM_RIGHTS).
  Result<void> send(ByteView message, std::span<const int> descriptors,
                    Deadline deadline = Deadline::never());

  /// Sends messages in order with as few system calls as the mechanism allows. Returns how many went: fewer than
  /// all only when the deadline passed. Errors: as send(), when the first of them did not go.
  Result<std::size_t> send_many(std::span<const ByteView> messages, Deadline deadline = Deadline::never());

  /// Memory for a message of up to `size` bytes, to be written in place.
  /// Errors: message_too_large, resource_limit (no memory), closed, peer_died, timed_out.
  Result<Loan> loan(std::size_t size, Deadline deadline = Deadline::never());

  /// Receives one message into the caller's memory: a stable copy. Returns its size. Its descriptors are closed.
  /// Errors: buffer_too_small (the message stays; the text names its size), timed_out, cancelled, closed,
  /// peer_died (both: after everything that the peer had committed), protocol_violation.
  Result<std::size_t> receive(ByteSpan buffer, Deadline deadline = Deadline::never());

  /// Receives one message in place. Errors: as receive(), and resource_limit (no memory for it).
  Result<Message> borrow(Deadline deadline = Deadline::never());

  /// Receives what is there, at least one, at most `into.size()` messages; waits only for the first. Long messages that
  /// would need new memory while the others are in hand are left for the next call. Errors: as borrow().
  Result<std::size_t> borrow_many(std::span<Message> into, Deadline deadline = Deadline::never());

  /// Nothing more will be sent: the peer receives what was sent, then `closed`. We can still receive.
  Result<void> finish(Deadline deadline = Deadline::never());

  /// Orderly end of both directions. Errors: timed_out (no room to say so before the deadline; the peer will see
  /// peer_died after the data). Closed whatever the result.
  Result<void> close(Deadline deadline = Deadline::in(std::chrono::seconds(1)));

  /// Ends both directions at once and without a goodbye, as our death would: the peer receives what was sent,
  /// then peer_died (where there is Trait::reports_peer_death; otherwise it sees what close() would show). For a
  /// program that stands between two others and must not pass a failure on as an orderly end.
  void abort() noexcept;

  /// A descriptor for poll(2), epoll(7) or an event loop, level-triggered: readable whenever receive would not
  /// block. It may also be readable while a message is still on its way: receive with Deadline::now().
  /// Valid until the channel is closed; owned by the channel. Errors: unsupported, resource_limit.
  Result<int> poll_fd();

  /// Who the other end is; empty where the mechanism does not know (Trait::peer_credentials).
  std::optional<PeerInfo> peer() const;
  Traits traits() const;
  /// Counters of a direction are exact when read by the thread that uses it.
  Statistics statistics() const;
  const Address& address() const noexcept;

 private:
  std::unique_ptr<Endpoint> endpoint_;
};

/// Waits at an address for peers. Move-only. A name that it made is removed when it is destroyed.
/// Threads: one at a time.
class TENON_EXPORT Listener {
 public:
  explicit Listener(std::unique_ptr<Acceptor> acceptor) noexcept;
  Listener(Listener&&) noexcept;
  Listener& operator=(Listener&&) noexcept;
  ~Listener();

  /// The next peer that completes the handshake. One that breaks it, or does not finish it within a second, is
  /// dropped without a word, and does not keep others waiting.
  /// Errors: timed_out, cancelled, resource_limit (descriptors), closed.
  Result<Channel> accept(Deadline deadline = Deadline::never());
  /// Readable when accept may have something to do; see Channel::poll_fd.
  Result<int> poll_fd();
  /// Where it listens, with what the system chose filled in (a port, say).
  const Address& address() const noexcept;

 private:
  std::unique_ptr<Acceptor> acceptor_;
};

struct ConnectOptions {
  Deadline deadline = Deadline::in(std::chrono::seconds(5));  ///< for finding the peer and the handshake
  TraitSet require = {};  ///< fail early with `unsupported` unless the channel has all of these
};

struct ListenOptions {
  TraitSet require = {};
};

/// Connects to a listener. Returns when the listener has accepted.
/// Errors: no_one_there, timed_out, invalid_argument (address), permission_denied, unsupported,
/// protocol_violation (something else answers there), resource_limit.
TENON_EXPORT Result<Channel> connect(std::string_view address, ConnectOptions options = {});
TENON_EXPORT Result<Channel> connect(const Address& address, ConnectOptions options = {});

/// Listens at an address. Errors: address_in_use (with the holder's pid where it can be known), invalid_argument,
/// permission_denied, unsupported, resource_limit.
TENON_EXPORT Result<Listener> listen(std::string_view address, ListenOptions options = {});
TENON_EXPORT Result<Listener> listen(const Address& address, ListenOptions options = {});

}  // namespace tenon
