// Events: notifications without a message, of which several may become one.
//
// Promises (src/event/event_test.cpp has a test for each):
//  1 not lost     After a notify() that succeeded, a wait() that follows, or is under way, returns. (Standard signals
//                 and full queues: below.)
//  2 merged       Mode::counter: a wait takes all that there is, and says how many. Mode::semaphore: one at a time.
//  3 no residue   Nothing has a name, nothing is left behind.
//  4 deadlines    hold on every wait; a Canceller ends it.
//  5 readable     poll_fd() is readable exactly when wait() would return at once.
//
// Two mechanisms. docs/events.md helps to choose:
//
//     eventfd:N       a counter of the kernel behind a descriptor, which has to be inherited (ChildOptions::events,
//                     inherited_event()) or sent over a `unix:` channel. Everyone who holds it may notify and wait.
//     signal:PID      notifies a process of which only the pid is known, each time with an int.
//     signal:         waits for those. Options: number=RTMIN (USR1, RTMIN+3, 10, …), mode=counter|semaphore.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/eventfd.hpp>
#include <tenon/os/fd.hpp>

namespace tenon {

/// What one wait() took.
struct Notification {
  std::uint64_t count = 1;        ///< how many notifications it was, at least 1
  std::optional<int> value;       ///< over signals: the last one's, 0 if it was sent without (kill(1))
  std::optional<int> sender_pid;  ///< over signals: the last one's, as its C library says; 0 from elsewhere
};

class EventSource;

/// One side, or both, of an event. Move-only.
/// Threads: notify() from any. wait(): over eventfd from any; over signals from threads that have the signal blocked,
/// which are the one that made the event and those that it starts afterwards.
class TENON_EXPORT Event {
 public:
  using Mode = os::EventFd::Mode;

  /// A new counter. Errors: resource_limit (descriptors).
  static Result<Event> create(Mode mode = Mode::counter);
  /// An eventfd that was received: `Event::adopt(std::move(message.descriptors()[0]))`.
  /// Errors: invalid_argument (it is no eventfd).
  static Result<Event> adopt(os::Fd fd);
  /// At an address, see above. `eventfd:N` takes the descriptor over, when it succeeds. `signal:` blocks the signal in
  /// the calling thread: make it before other threads are started. It stays blocked after the event is gone, so that a
  /// late notification does not end the process. `signal:PID` looks whether that process waits.
  /// Errors: invalid_argument; no_one_there (no such process, or it does not wait for that signal, which would end it);
  /// permission_denied (another user's); resource_limit.
  static Result<Event> open(std::string_view address);

  Event(Event&&) noexcept;
  Event& operator=(Event&&) noexcept;
  ~Event();

  /// Notifies `count` times: over eventfd at once, over signals one by one, each with the value 0. Never waits.
  /// Errors: resource_limit (eventfd: nobody has waited for 2^64 - 2; signals: too many are queued, the text has the
  /// limit, and those before were sent); peer_died (the process has ended); unsupported (`signal:` only waits).
  Result<void> notify(std::uint64_t count = 1);
  /// Notifies once, with a value. Errors: as notify(); unsupported (eventfd has no values).
  Result<void> notify_value(int value);

  /// Waits for a notification. Errors: timed_out, cancelled, unsupported (`signal:PID` only notifies).
  Result<Notification> wait(Deadline deadline = Deadline::never());

  /// For poll(2) and epoll(7); over eventfd it is the eventfd itself, for a child or another process. Stays ours.
  /// Errors: unsupported (`signal:PID` only notifies).
  Result<int> poll_fd() const;

  /// "eventfd:5", "signal:812?number=RTMIN".
  const std::string& address() const noexcept;

 private:
  explicit Event(std::unique_ptr<EventSource> source) noexcept;
  std::unique_ptr<EventSource> source_;
};

/// In a child: the event that its parent gave it under `name` (ChildOptions::events), from the environment variable
/// TENON_EVENTS, from which it is removed. Before starting threads (setenv(3)).
/// Errors: not_found (no such name; the text lists those there are).
TENON_EXPORT Result<Event> inherited_event(std::string_view name);

}  // namespace tenon
