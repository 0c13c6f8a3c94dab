#include "os/control_data.hpp"

#include <unistd.h>
#include <cstring>

namespace tenon::os {

void put_control_data(msghdr& message, std::span<const int> descriptors, bool credentials) noexcept {
  std::size_t used = 0;
  cmsghdr* part = CMSG_FIRSTHDR(&message);
  if (credentials) {
    const ucred ours{::getpid(), ::geteuid(), ::getegid()};
    *part = {CMSG_LEN(sizeof ours), SOL_SOCKET, SCM_CREDENTIALS};
    std::memcpy(CMSG_DATA(part), &ours, sizeof ours);
    used = CMSG_SPACE(sizeof ours);
    part = reinterpret_cast<cmsghdr*>(static_cast<std::byte*>(message.msg_control) + used);
  }
  if (!descriptors.empty()) {
    *part = {CMSG_LEN(descriptors.size_bytes()), SOL_SOCKET, SCM_RIGHTS};
    std::memcpy(CMSG_DATA(part), descriptors.data(), descriptors.size_bytes());
    used += CMSG_LEN(descriptors.size_bytes());
  }
  message.msg_controllen = used;
}

void take_descriptors(msghdr& message, std::vector<Fd>& into) noexcept {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof(int), sizeof fd);
      Fd taken(fd);
      if (into.size() < into.capacity()) into.push_back(std::move(taken));
    }
  }
}

std::optional<PeerCredentials> sender_of(msghdr& message) noexcept {
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_CREDENTIALS) continue;
    ucred found{};
    std::memcpy(&found, CMSG_DATA(part), sizeof found);
    return PeerCredentials{found.pid, found.uid, found.gid};
  }
  return std::nullopt;
}

}  // namespace tenon::os
