// Memory that the measuring processes share with the one that started them: what they report, and the few things
// that they tell one another beside what is measured.
#pragma once

#include <array>
#include <atomic>
#include <cstdint>
#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <tenon/error.hpp>

#include "bench/os/clock.hpp"
#include "bench/os/flag.hpp"

namespace bench {

inline constexpr unsigned most_sides = 8;
inline constexpr std::size_t most_samples = 200'000;

/// System calls as the program that made them counted them.
struct Calls {
  std::uint64_t moving = 0;   ///< that moved or tried to move data
  std::uint64_t waiting = 0;  ///< that slept or woke, beside those

  friend Calls operator-(Calls later, Calls earlier) noexcept {
    return {later.moving - earlier.moving, later.waiting - earlier.waiting};
  }
};

/// Written by one side, read by the starter once that side has ended.
struct SideReport {
  bool done = false;  ///< to the end, and all was right
  std::array<char, 600> failure{};
  std::int64_t began_ns = 0;  ///< of what counts
  std::int64_t ended_ns = 0;
  std::uint64_t messages = 0;  ///< that count
  std::uint64_t lost = 0;
  Usage used;
  Calls calls;
  bool calls_known = true;
  std::uint64_t samples = 0;
  double flag_ns = 0;  ///< a flag's round trip before it began, on side 0; 0 if nobody looked

  void fail(const tenon::Error& error) noexcept;
};

class Exchange {
 public:
  /// Errors: resource_limit.
  static tenon::Result<Exchange> create();

  /// For the next measurement. Nobody else may use it.
  void reset() noexcept;

  SideReport& side(unsigned number) noexcept { return shared_->sides[number]; }
  std::span<std::uint32_t> samples() noexcept { return shared_->samples; }

  /// Where the listening side listens: told once, and waited for by the others.
  void publish(std::string_view address) noexcept;
  /// Errors: timed_out (nobody published).
  tenon::Result<std::string> published() const;
  /// As it is; empty if nothing is published.
  std::string address_now() const;

  /// The receiving side has all.
  void finish() noexcept;
  bool finished() const noexcept;
  /// Waits `for_ns` for it, at most.
  bool wait_finished(std::int64_t for_ns) const noexcept;

  /// Counts up, and returns the new count: for sides that begin together.
  void arrive() noexcept;
  tenon::Result<void> wait_arrived(std::uint32_t count) const;

  /// The parts of sides 0 and 1, before they measure: how near they are to one another.
  void measure_flag(unsigned side) noexcept;

  /// System V queues that have to be removed, whoever is left to do it; -1 is none.
  std::array<std::atomic<int>, 2>& queues() noexcept { return shared_->queues; }
  /// Of the measured processes, while they run: noted by themselves, before they let go of `alive`.
  std::array<std::atomic<int>, most_sides>& pids() noexcept { return shared_->pids; }

  /// A descriptor of the starter that says that it lives (scratch.hpp), so measured processes must not keep it.
  void keep_alive(int fd) noexcept { alive_ = fd; }
  /// In a measured process, first of all.
  void enter(unsigned side) noexcept;

 private:
  struct Shared {
    std::atomic<std::uint32_t> published{0};
    std::array<char, 1024> address{};
    std::atomic<std::uint32_t> finished{0};
    std::atomic<std::uint32_t> arrived{0};
    std::atomic<std::uint32_t> at_flag{0};
    FlagWords flag;
    std::array<std::atomic<int>, 2> queues{};
    std::array<std::atomic<int>, most_sides> pids{};
    std::array<SideReport, most_sides> sides{};
    std::array<std::uint32_t, most_samples> samples{};
  };
  struct Unmap {
    void operator()(Shared* shared) const noexcept;
  };

  std::unique_ptr<Shared, Unmap> shared_;
  int alive_ = -1;
};

}  // namespace bench
