#include <tenon/os/futex.hpp>

#include <linux/futex.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <climits>
#include <ctime>

namespace tenon::os {
namespace {

static_assert(sizeof(std::atomic<std::uint32_t>) == 4 && std::atomic<std::uint32_t>::is_always_lock_free);

/// FUTEX_WAIT_BITSET because its timeout is absolute, on CLOCK_MONOTONIC: nothing to recompute after a
/// signal. The kernel reads the word and writes nothing.
long wait_until(const std::atomic<std::uint32_t>& word, std::uint32_t expected, Deadline end) noexcept {
  timespec time{};
  if (!end.is_never()) {
    const auto since_start = end.time().time_since_epoch();
    const auto seconds = std::chrono::duration_cast<std::chrono::seconds>(since_start);
    time.tv_sec = seconds.count();
    time.tv_nsec = (since_start - seconds).count();
  }
  return ::syscall(SYS_futex, &word, FUTEX_WAIT_BITSET, expected, end.is_never() ? nullptr : &time, nullptr,
                   FUTEX_BITSET_MATCH_ANY);
}

}  // namespace

Result<FutexWait> futex_wait(const std::atomic<std::uint32_t>& word, std::uint32_t expected,
                             Deadline deadline) {
  for (;;) {
    if (word.load(std::memory_order_acquire) != expected) return FutexWait::value_changed;
    if (deadline.cancelled()) return std::unexpected(Error(Errc::cancelled, "wait for futex"));
    if (deadline.expired()) return std::unexpected(Error(Errc::timed_out, "wait for futex"));
    const bool sliced = deadline.canceller() != nullptr;
    const Deadline end = sliced ? deadline.or_earlier(Deadline::in(futex_cancel_latency)) : deadline;
    if (wait_until(word, expected, end) == 0) return FutexWait::woken;
    if (errno != EINTR && errno != EAGAIN && errno != ETIMEDOUT) {
      return std::unexpected(Error::from_errno("wait for futex", "", errno));
    }
  }
}

std::size_t futex_wake(const std::atomic<std::uint32_t>& word, std::size_t count) noexcept {
  if (count == 0) return 0;  // the kernel would wake one
  const auto most = static_cast<int>(std::min<std::size_t>(count, INT_MAX));
  const long woken = ::syscall(SYS_futex, &word, FUTEX_WAKE, most, nullptr, nullptr, 0);
  return woken > 0 ? static_cast<std::size_t>(woken) : 0;
}

}  // namespace tenon::os
