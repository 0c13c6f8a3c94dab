// The first 32 bytes in each direction of a byte stream: who speaks, which version, and the largest message
// that the sender of this hello accepts. docs/wire-format.md is the specification.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <expected>
#include <string>

#include <tenon/bytes.hpp>

namespace tenon::wire {

inline constexpr std::size_t hello_size = 32;
inline constexpr std::uint16_t protocol_version = 1;

struct Hello {
  std::uint64_t max_message_size = 0;
};

std::array<std::byte, hello_size> encode_hello(const Hello& hello) noexcept;
/// Whether `bytes`, the first of a hello, may still become one.
bool is_hello_start(ByteView bytes) noexcept;
/// Errors: why it is not a hello that we understand, in words for a person.
std::expected<Hello, std::string> decode_hello(const std::array<std::byte, hello_size>& bytes);

}  // namespace tenon::wire
