// What the tests of udp: share.
#pragma once

#include <tenon/os/udp_socket.hpp>

#include "channel/conformance_test.hpp"
#include "support/free_port.hpp"

namespace tenon::test {

using Bytes = std::vector<std::byte>;

inline Bytes bytes(ByteView view) {
  return {view.begin(), view.end()};
}

inline std::uint16_t port_of(const Listener& listener) {
  const std::string& place = listener.address().place();
  return static_cast<std::uint16_t>(std::stoi(place.substr(place.rfind(':') + 1)));
}

inline std::string to(std::uint16_t port, const std::string& options = {}) {
  return "udp:127.0.0.1:" + std::to_string(port) + options;
}

inline Listener listener_of(const std::string& options = {}) {
  return value_of(listen(to(0, options)));
}

inline std::pair<Channel, Channel> meet(Listener& listener, std::uint16_t at) {
  std::optional<Result<Channel>> accepted;
  std::jthread accepting([&] { accepted.emplace(listener.accept(soon())); });
  Channel client = value_of(connect(to(at), {.deadline = soon()}));
  accepting.join();
  return {std::move(client), value_of(std::move(*accepted))};
}

}  // namespace tenon::test
