// What the three shared-memory programs have in common: a message is whatever stands in the first four bytes
// of 20 bytes that both processes see, and whoever waits for one looks again and again.
//
// Memory brings no waiting, no order and no "it is complete" of its own. Four bytes fit one 32-bit word, and
// a word is stored and loaded whole when both are atomic: nobody ever sees half of `ping`.
#pragma once

#include <array>
#include <atomic>
#include <bit>
#include <chrono>
#include <csignal>
#include <cstdint>
#include <initializer_list>
#include <string>
#include <string_view>
#include <thread>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>

#include "example.hpp"

namespace example {

inline constexpr std::size_t memory_size = 20;              ///< bytes, of which four are used
inline constexpr std::chrono::seconds partner_patience{5};  ///< a partner that is silent for longer is dead

/// The message that stands in shared memory.
class SharedWord {
 public:
  explicit SharedWord(tenon::ByteSpan memory) : word_(*reinterpret_cast<std::uint32_t*>(memory.data())) {}

  /// Replaces the message by `text`, of at most 4 bytes; a shorter one is followed by zeros.
  void put(std::string_view text) const {
    std::array<char, 4> bytes{};
    text.copy(bytes.data(), bytes.size());
    word_.store(std::bit_cast<std::uint32_t>(bytes), std::memory_order_release);  // SYNC: message in memory
  }

  /// Looks until one of `messages` stands there, and returns it. Anything else is waited out: a program that
  /// writes byte by byte shows `pi` before `ping`, and `end` without a zero leaves the `g` of `pong` behind
  /// it.
  tenon::Result<std::string> wait_for(std::initializer_list<std::string_view> messages,
                                      tenon::Deadline deadline) const {
    for (unsigned looks = 0;; ++looks) {
      const auto bytes = std::bit_cast<std::array<char, 4>>(
          word_.load(std::memory_order_acquire));  // SYNC: message in memory
      const std::string_view there(bytes.data(), bytes.size());
      for (const std::string_view message : messages) {
        if (there.starts_with(message)) return std::string(message);
      }
      if (deadline.cancelled())
        return std::unexpected(tenon::Error(tenon::Errc::cancelled, "wait for the partner"));
      if (deadline.expired()) {
        return std::unexpected(
            tenon::Error(tenon::Errc::timed_out, "wait for the partner", "",
                         "it may have died; in memory stands '" + std::string(there) + "'"));
      }
      pause(looks);
    }
  }

 private:
  /// Lets others run; when nothing has come for a while, sleeps between the looks, so that waiting costs
  /// little.
  static void pause(unsigned looks) {
    if (looks < 1000) {
      std::this_thread::yield();
    } else {
      std::this_thread::sleep_for(std::chrono::microseconds(100));
    }
  }

  std::atomic_ref<std::uint32_t> word_;
};

/// The value of `open()`, called until the server has made what is to be opened: at most 5 s.
template <typename Open>
auto open_when_there(Open open) {
  const auto deadline = tenon::Deadline::in(partner_patience);
  auto result = open();
  while (!result && result.error().code() == tenon::Errc::not_found && !deadline.expired()) {
    std::this_thread::sleep_for(std::chrono::milliseconds(10));
    result = open();
  }
  return value_or_exit(std::move(result));
}

}  // namespace example
