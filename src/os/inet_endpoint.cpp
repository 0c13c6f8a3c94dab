#include <tenon/os/inet_endpoint.hpp>

#include <netdb.h>
#include <netinet/in.h>
#include <sys/socket.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <memory>

namespace tenon::os {
namespace {

static_assert(sizeof(sockaddr_in6) == InetEndpoint::max_size);

Error unresolved(std::string_view host, int reason) {
  const int system_errno = reason == EAI_SYSTEM ? errno : 0;
  const bool unknown = reason == EAI_NONAME || reason == EAI_NODATA || reason == EAI_ADDRFAMILY;
  return {unknown ? Errc::not_found : Errc::system_error, "resolve", std::string(host),
          std::string(::gai_strerror(reason)) + ": check the name (getent hosts), or give a number",
          system_errno};
}

}  // namespace

Result<std::vector<InetEndpoint>> InetEndpoint::resolve(std::string_view host, std::uint16_t port) {
  if (host.starts_with('[') && host.ends_with(']')) host = host.substr(1, host.size() - 2);
  const std::string name(host.empty() ? "127.0.0.1" : host);
  addrinfo wanted{};
  wanted.ai_socktype = SOCK_STREAM;  // one entry for an address instead of one for each protocol
  wanted.ai_flags = AI_NUMERICSERV;
  addrinfo* found = nullptr;
  const int failed = ::getaddrinfo(name.c_str(), std::to_string(port).c_str(), &wanted, &found);
  if (failed != 0) return std::unexpected(unresolved(host, failed));
  const std::unique_ptr<addrinfo, decltype(&::freeaddrinfo)> owner(found, &::freeaddrinfo);
  std::vector<InetEndpoint> all;
  for (const addrinfo* one = found; one != nullptr; one = one->ai_next) {
    const InetEndpoint endpoint = from_kernel(one->ai_addr, one->ai_addrlen);
    if (!endpoint.empty() && std::ranges::find(all, endpoint) == all.end()) all.push_back(endpoint);
  }
  if (all.empty()) return std::unexpected(unresolved(host, EAI_NONAME));
  return all;
}

InetEndpoint InetEndpoint::from_kernel(const void* address, std::size_t size) noexcept {
  InetEndpoint made;
  sa_family_t family = AF_UNSPEC;
  if (size >= sizeof family) std::memcpy(&family, address, sizeof family);
  const std::size_t expected = family == AF_INET    ? sizeof(sockaddr_in)
                               : family == AF_INET6 ? sizeof(sockaddr_in6)
                                                    : 0;
  if (expected == 0 || size < expected) return made;
  std::memcpy(made.bytes_.data(), address, expected);
  made.size_ = static_cast<std::uint32_t>(expected);
  return made;
}

std::string InetEndpoint::host() const {
  if (empty()) return {};
  std::array<char, NI_MAXHOST> text{};
  ::getnameinfo(reinterpret_cast<const sockaddr*>(bytes_.data()), size_, text.data(), text.size(), nullptr, 0,
                NI_NUMERICHOST);
  return text.data();
}

std::uint16_t InetEndpoint::port() const noexcept {
  static_assert(offsetof(sockaddr_in, sin_port) == offsetof(sockaddr_in6, sin6_port));
  in_port_t port = 0;
  std::memcpy(&port, bytes_.data() + offsetof(sockaddr_in, sin_port), sizeof port);
  return ntohs(port);
}

bool InetEndpoint::is_ipv6() const noexcept {
  return size_ == sizeof(sockaddr_in6);
}

std::string InetEndpoint::to_string() const {
  const std::string address = is_ipv6() ? "[" + host() + "]" : host();
  return address + ":" + std::to_string(port());
}

}  // namespace tenon::os
