// How one process wakes another that waits for a queue without a descriptor: for something in it by a byte on a
// connected socket, for room in it by a futex in a shared page; only when the other sleeps.
//
// Owns the socket and the page. Knows nothing of the queue. The peer may write anything to the page and ring as
// it likes: it can only delay what it sends or receives itself, and wake us for nothing.
#pragma once

#include <atomic>
#include <cstdint>

#include <tenon/deadline.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/mapping.hpp>
#include <tenon/os/memfd.hpp>

#include "os/doorbell.hpp"

namespace tenon::os {

/// One end. Who waits for something to take: arm(), look again, sleep until fd() is readable, disarm(), drain().
/// Who has put something in: put(). Who waits for room: sleep_until_room(). Who has taken something out: took().
/// Putting and waiting for room is for one thread, taking and waiting for something for one other.
///
/// Why nobody sleeps for ever: the sleeper says that it sleeps and then looks; the other makes something to see
/// and then looks whether somebody sleeps. Between the two steps stands a full fence on both sides, so at least
/// one of them sees the other (Dekker). The socket is also what tells that the peer is gone.
class QueueBell {
 public:
  /// The page that both ends map: sealed, so that the peer cannot cut it short under us. Until they say
  /// otherwise both sleep.
  struct Page {
    Memfd memory;  ///< to be sent to the peer
    Mapping mapping;
  };
  static Result<Page> make_page();
  /// The end of who has made the page.
  QueueBell(Fd socket, Mapping page) noexcept : QueueBell(std::move(socket), std::move(page), End::maker) {}
  /// The other end; `page` comes from the peer. Errors: protocol_violation (not such a page).
  static Result<QueueBell> take(Fd socket, Fd page);

  int fd() const noexcept { return socket_.fd(); }
  /// From here on the peer rings.
  void arm() noexcept;
  void disarm() noexcept;

  using State = Doorbell::State;
  /// Takes the rings that have come. `gone`: the peer has hung up, or its process has ended.
  State drain() noexcept { return socket_.hush(); }
  /// Something was put in: rings if the peer sleeps. False: it is gone, or cannot be told, in which case the line
  /// is cut.
  bool put() noexcept;

  /// Something was taken out: wakes the peer if it waits for room and there is enough of it.
  void took() noexcept;
  /// How often the peer has called took(): a hint.
  std::uint32_t taken_by_peer() const noexcept;
  /// Sleeps while taken_by_peer() is `seen`, at most room_slice: nothing but the next look tells that the peer is
  /// gone. Errors: timed_out (`deadline`), cancelled.
  Result<void> sleep_until_room(std::uint32_t seen, Deadline deadline);
  static constexpr std::chrono::milliseconds room_slice{10};

  /// Whether the peer is gone; takes no ring away from the thread that sleeps.
  bool hung_up() const noexcept;
  /// Hangs up.
  void cut() noexcept { socket_.disconnect(); }

 private:
  using Word = std::atomic<std::uint32_t>;
  static_assert(Word::is_always_lock_free);
  enum class End : std::uint8_t { maker, taker };

  QueueBell(Fd socket, Mapping page, End end) noexcept
      : socket_(std::move(socket)), page_(std::move(page)), end_(end) {}
  /// What concerns the messages to one end. That end writes `taken`, and says with `sleeps` that it waits for
  /// something; the other says with `room_wanted` that it waits for room, and until when with `wake_at`.
  struct Half {
    alignas(64) Word sleeps;
    alignas(64) Word taken;
    Word wake_at;
    Word room_wanted;
  };
  Half& to_us() const noexcept;
  Half& to_peer() const noexcept;

  SocketDoorbell socket_;
  Mapping page_;
  End end_;
  std::uint32_t put_ = 0;  ///< how often
};

}  // namespace tenon::os
