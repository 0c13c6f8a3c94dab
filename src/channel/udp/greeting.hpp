// How two sides of a udp: channel meet: hello, challenge, confirm, welcome (docs/wire-format.md). The client sends
// again what is not answered; the listener only answers, and remembers nothing of anyone who has not shown that
// he receives what is sent to his address.
#pragma once

#include <array>
#include <chrono>
#include <optional>

#include "base/siphash.hpp"
#include "channel/udp/numbered_port.hpp"
#include "os/udp_door.hpp"

namespace tenon {

/// The client's part, on a socket connected to the listener. Errors: no_one_there, timed_out, cancelled,
/// protocol_violation (what answers is not tenon, or another version).
Result<Tokens> greet(const os::Fd& socket, Deadline deadline);

/// The listener's part.
class Porter {
 public:
  static Result<Porter> create();

  /// Answers what came, if it is a greeting. The tokens of a connection, when this completes one.
  std::optional<Tokens> serve(os::UdpDoor& door, const os::Visit& visit, ByteView datagram);
  /// That this connection stands: what the client says once more, before it has heard so, opens no second one.
  void remember(const Tokens& tokens) noexcept;

 private:
  static constexpr std::size_t remembered = 256;

  explicit Porter(base::SipKey key) noexcept : key_(key) {}
  std::uint64_t cookie(const os::InetEndpoint& from, std::uint64_t token, std::uint64_t slot) const noexcept;
  bool is_ours(const os::InetEndpoint& from, const wire::Greeting& confirm) const noexcept;

  base::SipKey key_;
  std::array<std::uint64_t, remembered> used_{};  ///< the last cookies that opened a channel: once each
  std::size_t next_used_ = 0;
};

}  // namespace tenon
