#include <tenon/os/credentials.hpp>

#include <sys/socket.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <cerrno>

namespace tenon::os {
namespace {

#ifndef SO_PEERPIDFD
constexpr int SO_PEERPIDFD = 77;  // <asm-generic/socket.h> since Linux 6.5
#endif

Error failed(int system_errno) {
  constexpr std::string_view operation = "ask for the peer of";
  if (system_errno == ESRCH) return {Errc::peer_died, operation, "socket", "its process has ended", ESRCH};
  return Error::from_errno(operation, "socket", system_errno);
}

}  // namespace

Result<PeerCredentials> peer_credentials(int fd) {
  ucred found{};
  socklen_t length = sizeof found;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERCRED, &found, &length) != 0) return std::unexpected(failed(errno));
  if (found.pid == 0 && found.uid == static_cast<uid_t>(-1)) {
    return std::unexpected(Error(Errc::unsupported, "ask for the peer of", "socket",
                                 "only connected Unix stream and seqpacket sockets know their peer"));
  }
  return PeerCredentials{found.pid, found.uid, found.gid};
}

Result<Fd> peer_pidfd(int fd) {
  int found = -1;
  socklen_t length = sizeof found;
  if (::getsockopt(fd, SOL_SOCKET, SO_PEERPIDFD, &found, &length) == 0) return Fd(found);
  if (errno != ENOPROTOOPT && errno != ENODATA) return std::unexpected(failed(errno));
  const auto peer = peer_credentials(fd);
  if (!peer) return std::unexpected(peer.error());
  if (peer->pid == 0) {
    return std::unexpected(Error(Errc::unsupported, "ask for the peer of", "socket",
                                 "its process is not visible from this process namespace"));
  }
  found =
      static_cast<int>(::syscall(SYS_pidfd_open, peer->pid, 0));  // glibc 2.36 declares it without extern "C"
  if (found < 0) return std::unexpected(failed(errno));
  return Fd(found);
}

}  // namespace tenon::os
