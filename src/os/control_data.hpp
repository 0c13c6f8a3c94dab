// What travels beside the bytes on a Unix socket: descriptors (SCM_RIGHTS), and who sent them
// (SCM_CREDENTIALS). cmsg(3), unix(7).
#pragma once

#include <sys/socket.h>
#include <array>
#include <cstddef>
#include <optional>
#include <span>
#include <vector>

#include <tenon/os/credentials.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// Room for at most `Descriptors`, and for credentials in front of them. The size to announce is exact: with
/// the padding of CMSG_SPACE the kernel would deliver one descriptor more.
template <std::size_t Descriptors, bool Credentials>
struct ControlRoom {
  static constexpr std::size_t size =
      (Credentials ? CMSG_SPACE(sizeof(ucred)) : 0) + CMSG_LEN(Descriptors * sizeof(int));
  alignas(cmsghdr) std::array<std::byte, size + sizeof(cmsghdr)> bytes{};

  void attach_to(msghdr& message) noexcept {
    message.msg_control = bytes.data();
    message.msg_controllen = size;
  }
};

/// Lays `descriptors`, and our credentials first if asked for, into the room that is attached to `message`, and
/// takes the rest of the room away.
void put_control_data(msghdr& message, std::span<const int> descriptors, bool credentials) noexcept;

/// Descriptors that came, as far as the capacity of `into` goes; those beyond are closed.
void take_descriptors(msghdr& message, std::vector<Fd>& into) noexcept;

/// The sender, if the kernel told (SO_PASSCRED).
std::optional<PeerCredentials> sender_of(msghdr& message) noexcept;

}  // namespace tenon::os
