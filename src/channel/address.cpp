#include <tenon/address.hpp>

#include <algorithm>

#include "base/try.hpp"

namespace tenon {
namespace {

std::unexpected<Error> bad(std::string_view text, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", "'" + std::string(text) + "'", std::move(advice)));
}

int hex_digit(char c) noexcept {
  if (c >= '0' && c <= '9') return c - '0';
  if (c >= 'a' && c <= 'f') return c - 'a' + 10;
  if (c >= 'A' && c <= 'F') return c - 'A' + 10;
  return -1;
}

Result<std::string> decode(std::string_view whole, std::string_view part) {
  std::string decoded;
  for (std::size_t i = 0; i < part.size(); ++i) {
    if (part[i] != '%') {
      decoded += part[i];
      continue;
    }
    const int high = i + 2 < part.size() ? hex_digit(part[i + 1]) : -1;
    const int low = i + 2 < part.size() ? hex_digit(part[i + 2]) : -1;
    if (high < 0 || low < 0)
      return bad(whole, "'%' is followed by two hexadecimal digits; write %25 for a percent sign");
    decoded += static_cast<char>(high * 16 + low);
    i += 2;
  }
  if (decoded.find('\0') != std::string::npos) return bad(whole, "it may not contain a zero byte");
  return decoded;
}

std::string encode(std::string_view part) {
  static constexpr char digits[] = "0123456789ABCDEF";
  std::string encoded;
  for (const char c : part) {
    const auto byte = static_cast<unsigned char>(c);
    if (c != '?' && c != '&' && c != '%' && byte > ' ' && byte != 0x7F) {
      encoded += c;
    } else {
      encoded.append({'%', digits[byte >> 4], digits[byte & 15]});
    }
  }
  return encoded;
}

bool is_scheme(std::string_view text) noexcept {
  return !text.empty() && text.front() >= 'a' && text.front() <= 'z' && std::ranges::all_of(text, [](char c) {
    return (c >= 'a' && c <= 'z') || (c >= '0' && c <= '9') || c == '-';
  });
}

}  // namespace

Result<Address> Address::parse(std::string_view text) {
  const auto colon = text.find(':');
  if (colon == std::string_view::npos || !is_scheme(text.substr(0, colon))) {
    return bad(text,
               "an address is scheme:place?option=value, for example unix:/tmp/my.sock (tenon schemes lists "
               "the schemes)");
  }
  Address address;
  address.scheme_ = text.substr(0, colon);
  std::string_view rest = text.substr(colon + 1);
  const auto question = rest.find('?');
  address.place_ = TRY(decode(text, rest.substr(0, question)));
  if (question == std::string_view::npos) return address;

  rest.remove_prefix(question + 1);
  for (bool more = true; more;) {
    const auto end = rest.find('&');
    const std::string_view option = rest.substr(0, end);
    const auto equals = option.find('=');
    if (equals == std::string_view::npos || equals == 0 || equals + 1 == option.size()) {
      return bad(text, "the option '" + std::string(option) + "' has no value: write name=value");
    }
    std::string name = TRY(decode(text, option.substr(0, equals)));
    if (address.option(name)) return bad(text, "the option '" + name + "' is given twice");
    address.options_.emplace_back(std::move(name), TRY(decode(text, option.substr(equals + 1))));
    more = end != std::string_view::npos;
    if (more) rest.remove_prefix(end + 1);
  }
  return address;
}

std::optional<std::string_view> Address::option(std::string_view name) const noexcept {
  const auto found = std::ranges::find(options_, name, &std::pair<std::string, std::string>::first);
  if (found == options_.end()) return std::nullopt;
  return found->second;
}

Address Address::at(std::string place) const {
  Address result = *this;
  result.place_ = std::move(place);
  return result;
}

Address Address::with(std::string name, std::string value) const {
  Address result = *this;
  const auto found = std::ranges::find(result.options_, name, &std::pair<std::string, std::string>::first);
  if (found == result.options_.end()) {
    result.options_.emplace_back(std::move(name), std::move(value));
  } else {
    found->second = std::move(value);
  }
  return result;
}

std::string Address::to_string() const {
  std::string text = scheme_ + ":" + encode(place_);
  char separator = '?';
  for (const auto& [name, value] : options_) {
    text.append(1, std::exchange(separator, '&')).append(encode(name)).append("=").append(encode(value));
  }
  return text;
}

}  // namespace tenon
