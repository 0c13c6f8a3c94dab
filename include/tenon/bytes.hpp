// Views of bytes: the one type in which messages go in and out. Owns nothing.
#pragma once

#include <cstddef>
#include <span>
#include <string_view>

namespace tenon {

using ByteView = std::span<const std::byte>;  ///< bytes to read
using ByteSpan = std::span<std::byte>;        ///< bytes to write into

/// The characters of `text` as bytes, without a terminating zero. Valid as long as `text`'s characters are.
inline ByteView bytes_of(std::string_view text) noexcept {
  return {reinterpret_cast<const std::byte*>(text.data()), text.size()};
}

/// The bytes as characters. Valid as long as the bytes are.
inline std::string_view text_of(ByteView bytes) noexcept {
  return {reinterpret_cast<const char*>(bytes.data()), bytes.size()};
}

}  // namespace tenon
