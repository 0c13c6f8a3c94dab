// A port for a test that must know it beforehand: below those that the kernel gives away by itself.
#pragma once

#include <cstdint>

namespace tenon::test {

/// A TCP and UDP port at which nobody is at this moment, over IPv4 and IPv6; another one at every call. Processes
/// begin at different places.
std::uint16_t free_port();

/// Whether ::1 can be used here: not every container has it.
bool has_ipv6();

}  // namespace tenon::test
