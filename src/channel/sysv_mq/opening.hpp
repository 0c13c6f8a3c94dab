// What a client says first on a doorbell's socket, with the shared page: which queues it has made. Bytes only;
// docs/transports/sysv-mq.md has them.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <tenon/bytes.hpp>

namespace tenon::sysv_mq {

inline constexpr std::size_t opening_size = 32;

struct Opening {
  std::uint32_t project = 0;   ///< of the client's address: the listener's must be the same
  std::uint32_t to_taker = 0;  ///< id of the queue that the client sends to
  std::uint32_t to_maker = 0;  ///< and of the one that it receives from
};

std::array<std::byte, opening_size> encode(const Opening& opening) noexcept;
/// Nothing for anything else than an opening of this version.
std::optional<Opening> decode(const std::array<std::byte, opening_size>& bytes) noexcept;

}  // namespace tenon::sysv_mq
