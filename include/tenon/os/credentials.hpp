// Who is at the other end of a Unix socket, as the kernel saw it: the peer cannot lie about it.
//
// The values are those of the process that called connect(2), listen(2) or socketpair(2), at that time
// (unix(7), SO_PEERCRED). A descriptor handed to a child later, or a process that changed its user since,
// does not change them.
#pragma once

#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// Process, user and group of a peer, in the numbers of our own namespaces.
struct PeerCredentials {
  int pid;       ///< 0 when the peer's process is not visible from our process namespace
  unsigned uid;  ///< effective user
  unsigned gid;  ///< effective group
};

/// Credentials of the peer of the connected Unix stream or seqpacket socket `fd`. unix(7), SO_PEERCRED.
/// Errors: unsupported (not a Unix socket, not connected, or a datagram socket that is not one of a pair).
TENON_EXPORT Result<PeerCredentials> peer_credentials(int fd);

/// A descriptor that becomes readable when the peer's process ends: poll it beside the socket. pidfd_open(2).
/// With SO_PEERPIDFD (Linux 6.5) it is the very process that connected. Before that it is opened by pid:
/// should that process have ended and its number been given to another one in between, the descriptor names
/// the wrong process. A peer that could have been replaced so has also closed its end, unless it gave the
/// socket to a child: check the socket for its end after this call where that matters. Errors: peer_died (it
/// has ended already), unsupported (as above), resource_limit.
TENON_EXPORT Result<Fd> peer_pidfd(int fd);

}  // namespace tenon::os
