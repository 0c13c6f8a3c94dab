// Sleeping until another process changes a word of shared memory (futex(2)).
//
// Owns nothing: the word lives in memory that a Mapping owns.
#pragma once

#include <atomic>
#include <cstddef>
#include <cstdint>
#include <limits>

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>

namespace tenon::os {

/// Why a wait ended without an error. Either way look at the word again: waking is a hint (it may be
/// spurious).
enum class FutexWait : std::uint8_t {
  woken,          ///< futex_wake() was called, or nothing happened at all
  value_changed,  ///< the word was not `expected` when the wait began, so that there was none
};

/// Sleeps while `word` is `expected`, until futex_wake() is called on the same memory by any process that
/// maps it, at whatever address. The kernel compares and falls asleep in one step, so that a waker which
/// first stores and then wakes is never missed; waking without a store can be. The order of use is
///
///     while (word.load(std::memory_order_acquire) == old) TRY(futex_wait(word, old, deadline));
///     word.store(next, std::memory_order_release); futex_wake(word);      // the other side
///
/// A read-only mapping is enough. The word is not a PRIVATE futex: it works within one process too, a little
/// slower. A process that is killed wakes nobody: the deadline is what ends a wait for the dead.
///
/// A Canceller that is cancelled before the wait, or by a signal handler in this thread, ends it at once;
/// from another thread within futex_cancel_latency, for a futex cannot be polled beside a descriptor: with a
/// canceller the wait is made of slices of that length, each a look at the canceller (100 wake-ups a second).
/// Errors: timed_out, cancelled. Any thread may call it on any word.
TENON_EXPORT Result<FutexWait> futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                                          Deadline deadline = Deadline::never());

/// The longest time from cancel() in another thread to the end of the wait, besides the system's own delays.
inline constexpr std::chrono::milliseconds futex_cancel_latency{10};

/// Wakes up to `count` of those who sleep on `word`, in any process; returns how many there were. Store the
/// new value first. Costs a system call even if nobody sleeps: keep a flag beside the word where that
/// matters.
TENON_EXPORT std::size_t futex_wake(const std::atomic<std::uint32_t>& word, std::size_t count = 1) noexcept;

/// For futex_wake(): everyone.
inline constexpr std::size_t everyone = std::numeric_limits<std::size_t>::max();

}  // namespace tenon::os
