#include "channel/host_port.hpp"

#include <charconv>

#include "base/try.hpp"

namespace tenon {
namespace {

std::unexpected<Error> bad(const Address& address, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
}

bool is_number(std::string_view text) noexcept {
  return !text.empty() && text.find_first_not_of("0123456789") == text.npos;
}

Result<std::uint16_t> port_of(const Address& address, std::string_view text) {
  std::uint16_t port = 0;
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), port);
  if (problem == std::errc{} && end == text.data() + text.size()) return port;
  return bad(address, "'" + std::string(text) + "' is no port: write a number from 0 to 65535");
}

}  // namespace

Result<HostPort> HostPort::from(const Address& address) {
  const std::string& place = address.place();
  const std::string scheme = address.scheme() + ":";
  if (place.empty()) return bad(address, "name host and port: " + scheme + "127.0.0.1:7000");
  if (is_number(place)) return HostPort{"127.0.0.1", TRY(port_of(address, place))};

  if (place.starts_with('[')) {
    const auto bracket = place.find(']');
    if (bracket == place.npos || bracket == 1 || bracket + 2 > place.size() || place[bracket + 1] != ':')
      return bad(address, "an IPv6 address goes into brackets, and a port follows: " + scheme + "[::1]:7000");
    return HostPort{place.substr(1, bracket - 1),
                    TRY(port_of(address, std::string_view(place).substr(bracket + 2)))};
  }
  const auto colon = place.rfind(':');
  if (colon == place.npos) return bad(address, "it has no port: write " + scheme + place + ":7000");
  std::string host = place.substr(0, colon);
  if (host.find(':') != host.npos)
    return bad(address,
               "an IPv6 address goes into brackets: " + scheme + "[" + host + "]:" + place.substr(colon + 1));
  const auto port = TRY(port_of(address, std::string_view(place).substr(colon + 1)));
  return HostPort{host.empty() ? "127.0.0.1" : std::move(host), port};
}

std::string HostPort::to_string() const {
  const bool ipv6 = host.find(':') != host.npos;
  return (ipv6 ? "[" + host + "]" : host) + ":" + std::to_string(port);
}

}  // namespace tenon
