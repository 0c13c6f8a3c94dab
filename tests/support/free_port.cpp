#include "support/free_port.hpp"

#include <netinet/in.h>
#include <sys/socket.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <fstream>
#include <stdexcept>

#include <tenon/os/fd.hpp>

namespace tenon::test {
namespace {

bool can_bind(int type, std::uint16_t port) {
  const os::Fd socket(::socket(AF_INET, type | SOCK_CLOEXEC, 0));
  sockaddr_in everywhere{};
  everywhere.sin_family = AF_INET;
  everywhere.sin_port = htons(port);
  return socket && ::bind(socket.get(), reinterpret_cast<sockaddr*>(&everywhere), sizeof everywhere) == 0;
}

bool can_bind_ipv6(int type, std::uint16_t port) {
  const os::Fd socket(::socket(AF_INET6, type | SOCK_CLOEXEC, 0));
  sockaddr_in6 loopback{};
  loopback.sin6_family = AF_INET6;
  loopback.sin6_addr = in6addr_loopback;
  loopback.sin6_port = htons(port);
  return socket && ::bind(socket.get(), reinterpret_cast<sockaddr*>(&loopback), sizeof loopback) == 0;
}

unsigned first_ephemeral_port() {
  unsigned first = 32768;
  std::ifstream("/proc/sys/net/ipv4/ip_local_port_range") >> first;
  return std::max(first, 4096U);
}

}  // namespace

bool has_ipv6() {
  return can_bind_ipv6(SOCK_STREAM, 0);
}

std::uint16_t free_port() {
  static std::atomic<unsigned> counter{0};
  static const unsigned end = first_ephemeral_port();
  static const bool ipv6 = has_ipv6();
  const unsigned count = end / 2;
  const auto here = static_cast<unsigned>(::getpid());
  for (unsigned tries = 0; tries < count; ++tries) {
    const unsigned step = counter.fetch_add(1, std::memory_order_relaxed);
    const auto port = static_cast<std::uint16_t>(end - 1 - (here * 101 + step) % count);
    const auto is_free = [&](int type) {
      return can_bind(type, port) && (!ipv6 || can_bind_ipv6(type, port));
    };
    if (is_free(SOCK_STREAM) && is_free(SOCK_DGRAM)) return port;
  }
  throw std::runtime_error("no port is free");
}

}  // namespace tenon::test
