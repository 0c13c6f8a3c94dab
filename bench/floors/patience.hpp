// What a floor does when a call would block: the same rules for all of them.
#pragma once

#include <poll.h>
#include <cerrno>
#include <cstdint>

#include "bench/link.hpp"
#include "bench/os/clock.hpp"

namespace bench {

inline constexpr std::int64_t hybrid_spin_ns = 100'000;  // as tenon's
inline constexpr std::int64_t lost_after_ns = 50'000'000;

/// One wait: made when a call would block, asked after every further try.
class Patience {
 public:
  enum class Next : std::uint8_t { try_again, sleep, give_up };

  Patience(const Setting& setting, bool may_be_lost) noexcept
      : spin_ns_(setting.waiting == Waiting::spin                         ? INT64_MAX
                 : setting.waiting == Waiting::hybrid && !setting.one_cpu ? hybrid_spin_ns
                                                                          : 0),
        may_be_lost_(may_be_lost) {}

  /// For a new wait.
  void begin() noexcept { tries_ = 0; }
  /// After a try that would have blocked.
  Next next() noexcept {
    if (spin_ns_ == 0) return Next::sleep;
    relax();
    if (tries_++ == 0) started_ = now_ns();
    if (spin_ns_ == INT64_MAX && !may_be_lost_) return Next::try_again;
    const std::int64_t waited = now_ns() - started_;
    if (waited < spin_ns_) return may_be_lost_ && waited > lost_after_ns ? Next::give_up : Next::try_again;
    return Next::sleep;
  }
  bool never_spins() const noexcept { return spin_ns_ == 0; }

 private:
  std::int64_t spin_ns_;
  bool may_be_lost_;
  std::int64_t started_ = 0;
  std::uint64_t tries_ = 0;
};

/// Calls `call` until it does not fail with EAGAIN, sleeping on `fd` where that is allowed. What it returned last; -1
/// with EAGAIN after giving up.
template <typename Call>
auto persist(Patience patience, Calls& calls, int fd, short events, bool may_be_lost, Call call) {
  for (;;) {
    const auto result = call();
    ++calls.moving;
    if (result >= 0 || (errno != EAGAIN && errno != EINTR)) return result;
    const auto next = patience.next();
    if (next == Patience::Next::give_up) {
      errno = EAGAIN;
      return result;
    }
    if (next == Patience::Next::try_again) continue;
    ++calls.waiting;
    pollfd wait{fd, events, 0};
    const int ready = ::poll(&wait, 1, may_be_lost ? static_cast<int>(lost_after_ns / 1'000'000) : -1);
    if (ready == 0) {
      errno = EAGAIN;
      return result;
    }
  }
}

}  // namespace bench
