#include "common/format.hpp"

#include <algorithm>

#include <nlohmann/json.hpp>

namespace tool {
namespace {

unsigned byte_at(std::string_view text, std::size_t index) noexcept {
  return index < text.size() ? static_cast<unsigned char>(text[index]) : 0U;
}

/// The length of the well-formed character at `index`, or 0.
std::size_t utf8_length(std::string_view text, std::size_t index) noexcept {
  const unsigned first = byte_at(text, index);
  const unsigned second = byte_at(text, index + 1);
  const auto continues = [&](std::size_t from, std::size_t count) {
    for (std::size_t offset = 0; offset < count; ++offset) {
      if ((byte_at(text, from + offset) & 0xC0U) != 0x80U) return false;
    }
    return true;
  };
  if (first < 0x80) return 1;
  if (first >= 0xC2 && first <= 0xDF) return continues(index + 1, 1) ? 2 : 0;
  if (first >= 0xE0 && first <= 0xEF) {
    if ((first == 0xE0 && second < 0xA0) || (first == 0xED && second > 0x9F)) return 0;
    return continues(index + 1, 2) ? 3 : 0;
  }
  if (first >= 0xF0 && first <= 0xF4) {
    if ((first == 0xF0 && second < 0x90) || (first == 0xF4 && second > 0x8F)) return 0;
    return continues(index + 1, 3) ? 4 : 0;
  }
  return 0;
}

void append_hex(std::string& out, tenon::ByteView bytes) {
  constexpr std::string_view digits = "0123456789abcdef";
  out.reserve(out.size() + 2 * bytes.size());
  for (const std::byte byte : bytes) {
    out.push_back(digits[std::to_integer<std::size_t>(byte >> 4)]);
    out.push_back(digits[std::to_integer<std::size_t>(byte & std::byte{15})]);
  }
}

void append_json(std::string& out, tenon::ByteView message, std::uint64_t number, std::string_view from) {
  nlohmann::ordered_json line;
  if (!from.empty()) line["from"] = from;
  line["number"] = number;
  line["size"] = message.size();
  const auto text = tenon::text_of(message);
  if (is_utf8(text)) {
    line["text"] = text;
  } else {
    line["base64"] = base64(message);
  }
  out.append(line.dump());
}

}  // namespace

bool is_utf8(std::string_view text) noexcept {
  for (std::size_t index = 0; index < text.size();) {
    const std::size_t length = utf8_length(text, index);
    if (length == 0) return false;
    index += length;
  }
  return true;
}

std::string base64(tenon::ByteView bytes) {
  constexpr std::string_view alphabet = "ABCDEFGHIJKLMNOPQRSTUVWXYZabcdefghijklmnopqrstuvwxyz0123456789+/";
  std::string out;
  out.reserve((bytes.size() + 2) / 3 * 4);
  const auto text = tenon::text_of(bytes);
  for (std::size_t index = 0; index < bytes.size(); index += 3) {
    const unsigned group =
        byte_at(text, index) << 16 | byte_at(text, index + 1) << 8 | byte_at(text, index + 2);
    for (unsigned digit = 0; digit < 4; ++digit) {
      const bool padding = index + digit > bytes.size();
      out.push_back(padding ? '=' : alphabet[group >> (18 - 6 * digit) & 63U]);
    }
  }
  return out;
}

void append_message(std::string& out, Format format, tenon::ByteView message, std::uint64_t number,
                    std::string_view from) {
  switch (format) {
    case Format::len32:
      for (unsigned shift = 0; shift < 32; shift += 8)
        out.push_back(static_cast<char>(message.size() >> shift & 0xFF));
      out.append(tenon::text_of(message));
      return;
    case Format::hex:
      append_hex(out, message);
      break;
    case Format::json:
      append_json(out, message, number, from);
      break;
    case Format::line:
      out.append(tenon::text_of(message));
      break;
    case Format::raw:
      out.append(tenon::text_of(message));
      return;
  }
  out.push_back('\n');
}

}  // namespace tool
