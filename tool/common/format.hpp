// How a received message is printed.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tenon/bytes.hpp>

namespace tool {

enum class Format {
  line,   ///< the message and a line feed
  raw,    ///< its bytes and nothing else
  hex,    ///< a line of lower-case hexadecimal digits
  json,   ///< a line: {"number":1,"size":5,"text":"hello"}, or "base64" where it is not UTF-8
  len32,  ///< a length of 4 bytes, little-endian, and its bytes
};

inline constexpr const char* format_names = "line|raw|hex|json|len32";

/// Appends the message. `number` counts from 1. `from`, if any, is a member of the JSON form.
void append_message(std::string& out, Format format, tenon::ByteView message, std::uint64_t number,
                    std::string_view from = {});

/// RFC 4648, with padding.
std::string base64(tenon::ByteView bytes);
/// Well-formed UTF-8 (RFC 3629: no surrogates, nothing overlong).
bool is_utf8(std::string_view text) noexcept;

}  // namespace tool
