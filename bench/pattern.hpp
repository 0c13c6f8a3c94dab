// What a measured message holds: a head with its number, and bytes that follow from the head, so that a message that
// is lost, doubled, torn, shifted or stale is seen. The writer writes every byte, the reader looks at every byte.
#pragma once

#include <cstdint>
#include <optional>

#include <tenon/bytes.hpp>

namespace bench {

/// The first 8 bytes of a message.
struct Head {
  std::uint64_t number = 0;  ///< from 0, without gaps
  bool measured = false;     ///< not one of the warm-up
  bool last = false;         ///< nothing comes after it

  friend bool operator==(const Head&, const Head&) = default;
};

inline constexpr std::size_t least_size = 8;

/// Writes all of `message`, of at least `least_size` bytes.
void fill(tenon::ByteSpan message, Head head) noexcept;

/// The head, if every byte is as fill() wrote it.
std::optional<Head> check(tenon::ByteView message) noexcept;

/// The first 8 bytes and the last 8 alone, whatever lies between them: what a message costs where nothing is copied.
void fill_ends(tenon::ByteSpan message, Head head) noexcept;
/// The head, if both ends are as fill_ends() wrote them.
std::optional<Head> check_ends(tenon::ByteView message) noexcept;

}  // namespace bench
