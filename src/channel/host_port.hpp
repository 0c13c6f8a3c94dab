// The place of an address of the internet protocols: HOST:PORT, [IPV6]:PORT, :PORT or PORT.
#pragma once

#include <cstdint>
#include <string>

#include <tenon/address.hpp>

namespace tenon {

struct HostPort {
  std::string host;  ///< a name or a number, without brackets; 127.0.0.1 when the address has none
  std::uint16_t port = 0;

  /// Errors: invalid_argument that says what would be right, with the address's own scheme.
  static Result<HostPort> from(const Address& address);
  /// The place as an address has it: an IPv6 host in brackets.
  std::string to_string() const;
};

}  // namespace tenon
