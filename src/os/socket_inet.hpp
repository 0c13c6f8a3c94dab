// What TCP and UDP have in common: binding and connecting to each address of a host, and their errors in
// words.
#pragma once

#include <cstdint>
#include <functional>
#include <string_view>
#include <utility>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/inet_endpoint.hpp>

namespace tenon::os {

enum class Transport : std::uint8_t { tcp, udp };

/// "HOST:PORT" as it was given, for an error's subject.
std::string inet_subject(std::string_view host, std::uint16_t port);

/// errno of connect, bind or listen at `where`, with what to do about it.
Error inet_error(std::string_view operation, const InetEndpoint& where, Transport transport,
                 int system_errno);

/// The first address of `host` with which `attempt` succeeds, or the last one's error. Stops at timed_out and
/// cancelled.
Result<Fd> try_each(std::string_view operation, std::string_view host, std::uint16_t port,
                    Transport transport,
                    const std::function<Result<void>(int fd, const InetEndpoint& where)>& attempt);

/// bind(2).
Result<void> bind_to(std::string_view operation, int fd, const InetEndpoint& where, Transport transport);

/// getsockname(2) and getpeername(2).
Result<InetEndpoint> local_endpoint(int fd);
Result<InetEndpoint> peer_endpoint(int fd);

/// A TCP connection attempt to a port at which nobody listens may, by chance, be given that very port by the
/// kernel, and then meets itself (simultaneous open, RFC 9293 3.5). Seen after some 10,000 attempts to an
/// even port of net.ipv4.ip_local_port_range: a client that waits for its server in a loop gets there.
bool is_connected_to_itself(int fd);

}  // namespace tenon::os
