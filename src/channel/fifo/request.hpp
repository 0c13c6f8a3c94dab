// The request that a client writes into a listener's named pipe (docs/transports/fifo.md has it byte by byte), and
// how requests are found among whatever else is written there. Bytes only.
#pragma once

#include <array>
#include <cstddef>
#include <optional>
#include <span>

#include <tenon/bytes.hpp>

#include "os/fifo_folder.hpp"

namespace tenon {

inline constexpr std::size_t fifo_request_size = 48;
using FifoRequest = std::array<std::byte, fifo_request_size>;

FifoRequest encode_request(const os::FifoToken& token) noexcept;

/// Looks at a window of one request's size. Reading never takes more than what completes it, so that a whole request
/// is never in our memory while the pipe looks empty.
class RequestScanner {
 public:
  /// Where the next bytes go. Never empty.
  ByteSpan room() noexcept { return std::span(window_).subspan(filled_); }
  void filled(std::size_t count) noexcept { filled_ += count; }

  /// The token, once the window holds a whole request. Bytes that cannot begin one are dropped one by one: a
  /// request that is whole is found, whatever was written before it.
  std::optional<os::FifoToken> next() noexcept;

 private:
  void drop(std::size_t count) noexcept;

  FifoRequest window_{};
  std::size_t filled_ = 0;
};

}  // namespace tenon
