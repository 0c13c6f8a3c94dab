// An address and a port of the internet protocols, IPv4 or IPv6: where a TCP or UDP socket is, or its peer.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/error.hpp>
#include <tenon/export.hpp>

namespace tenon::os {

/// A value of 28 bytes: the kernel's sockaddr_in or sockaddr_in6. ip(7), ipv6(7).
class TENON_EXPORT InetEndpoint {
 public:
  static constexpr std::size_t max_size = 28;  ///< sizeof(sockaddr_in6)

  /// Every address of `host`: "127.0.0.1", "::1" (with or without brackets), "fe80::1%eth0", a name, or empty
  /// for 127.0.0.1: at least one, the preferred ones first. getaddrinfo(3). A name may ask a name server,
  /// which no deadline bounds (resolv.conf(5) does); a number never waits. Errors: not_found (no such host),
  /// system_error (the name service fails).
  static Result<std::vector<InetEndpoint>> resolve(std::string_view host, std::uint16_t port);

  /// From a sockaddr of the kernel; `size` as the kernel gave it. Anything but IPv4 and IPv6 gives an empty
  /// one.
  static InetEndpoint from_kernel(const void* address, std::size_t size) noexcept;

  InetEndpoint() noexcept = default;
  bool empty() const noexcept { return size_ == 0; }
  /// In numbers, without brackets.
  std::string host() const;
  std::uint16_t port() const noexcept;
  bool is_ipv6() const noexcept;
  /// "127.0.0.1:80", "[::1]:80".
  std::string to_string() const;

  /// The sockaddr and its length, for system calls.
  const void* data() const noexcept { return bytes_.data(); }
  std::size_t size() const noexcept { return size_; }

  bool operator==(const InetEndpoint& other) const noexcept = default;

 private:
  alignas(8) std::array<std::byte, max_size> bytes_{};
  std::uint32_t size_ = 0;
};

}  // namespace tenon::os
