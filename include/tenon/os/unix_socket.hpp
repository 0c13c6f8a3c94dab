// Unix domain sockets: connections and datagrams between processes of one machine. unix(7), socket(7).
//
// A place is a path ("/run/me/jobs", of any length up to PATH_MAX), or "@name" in the abstract namespace: no
// file, no permissions, gone with its last descriptor, visible in one network namespace. A path that begins
// with '@' is written "./@x". Owns the descriptor and, where it made one, the name; knows nothing of messages
// or framing.
//
// Threads: one thread may send while another receives on the same object.
#pragma once

#include <cstddef>
#include <memory>
#include <span>
#include <string>
#include <string_view>
#include <utility>
#include <vector>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/credentials.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

class SocketName;  // the file that a bound socket has; internal

enum class SocketType {
  stream,    ///< a byte stream: sends may arrive joined or in pieces
  datagram,  ///< single messages, no connection; reliable and in order on one machine (unix(7))
  seqpacket  ///< a connection that keeps message boundaries
};

/// How a name is made; see UnixListener::listen.
struct UnixListenOptions {
  SocketType type = SocketType::stream;
  unsigned mode =
      0600;        ///< permissions of the file, exactly these whatever the umask; connecting needs write
  int group = -1;  ///< group of the file; -1 leaves what the system gives it
  int backlog =
      4096;  ///< connections waiting for accept(); cut to /proc/sys/net/core/somaxconn by the kernel
};

/// One end of a conversation, or (datagram) a mailbox.
class TENON_EXPORT UnixSocket {
 public:
  /// The most descriptors that one message carries here. The kernel's own limit is 253 (SCM_MAX_FD).
  static constexpr std::size_t max_descriptors = 4;

  /// Connects to the listener (datagram: the mailbox) at `place`. A full queue of connections is waited for.
  /// Owner and mode are checked by the kernel; whose listener it is, is for the caller to check
  /// (peer_credentials()). Errors: no_one_there (no name, or nobody behind it: at once), timed_out (the
  /// listener does not accept), cancelled, permission_denied (a mode, or a symbolic link at `place`: never
  /// followed), invalid_argument (something else than a socket, or a socket of another type), resource_limit.
  static Result<UnixSocket> connect(std::string_view place, SocketType type = SocketType::stream,
                                    Deadline deadline = Deadline::never());

  /// Two connected ends: one for us, one for a child. socketpair(2).
  static Result<std::pair<UnixSocket, UnixSocket>> pair(SocketType type = SocketType::stream);

  /// A datagram mailbox at `place`; an empty place lets the kernel choose an abstract one (autobind,
  /// unix(7)): what a client needs in order to be answered. A path is taken, protected and removed as by
  /// UnixListener::listen. Errors: as listen.
  static Result<UnixSocket> bind(std::string_view place = {}, UnixListenOptions options = {});

  /// Takes over a Unix socket made elsewhere (inherited, received).
  static UnixSocket adopt(Fd fd) noexcept;

  UnixSocket(UnixSocket&& other) noexcept;
  UnixSocket& operator=(UnixSocket&& other) noexcept;
  ~UnixSocket();

  int fd() const noexcept { return fd_.get(); }
  /// Gives the descriptor away. A name that bind() made is removed all the same when this object ends.
  [[nodiscard]] Fd release() noexcept { return std::move(fd_); }
  /// Where the socket is bound: a path, "@name", or empty. getsockname(2). A path is the one that was given.
  std::string place() const;

  /// Sends at least one byte (stream) or the whole message, waiting for room. send(2) with MSG_NOSIGNAL.
  /// Errors: timed_out, cancelled, closed (the peer is gone), message_too_large (a message beyond the send
  /// buffer, SO_SNDBUF), no_one_there (a datagram to a mailbox that is gone).
  Result<std::size_t> send_some(ByteView bytes, Deadline deadline = Deadline::never());
  /// Sends all of `bytes`. On an error some of a stream's may have been sent.
  Result<void> send_all(ByteView bytes, Deadline deadline = Deadline::never());

  /// Receives what is there, waiting for at least one byte or message; 0 is the end of the stream. On a
  /// seqpacket socket an empty message cannot be told from the end: do not send any. recv(2). Errors:
  /// timed_out, cancelled, closed (ECONNRESET: the peer closed without reading what we sent),
  /// buffer_too_small (a message longer than `buffer`; unlike elsewhere in tenon it is lost: the kernel drops
  /// the rest).
  Result<std::size_t> receive_some(ByteSpan buffer, Deadline deadline = Deadline::never());

  /// send_some, and with its first byte a copy of each descriptor in `fds` (at most max_descriptors, and
  /// `bytes` must not be empty: invalid_argument). What is left of a stream's bytes goes with send_all.
  /// unix(7), SCM_RIGHTS. Errors: as send_some; resource_limit (ETOOMANYREFS: too many descriptors sent and
  /// not yet received).
  Result<std::size_t> send_with_descriptors(ByteView bytes, std::span<const int> fds,
                                            Deadline deadline = Deadline::never());

  /// receive_some; descriptors that came with the bytes are appended to `out`, close-on-exec. They are what
  /// the peer chose: check their kind before use. Errors: as receive_some; protocol_violation (more than
  /// max_descriptors), resource_limit (this process has no room for them). After these two the bytes are lost
  /// and no descriptor is kept: close the connection.
  Result<std::size_t> receive_with_descriptors(ByteSpan buffer, std::vector<Fd>& out,
                                               Deadline deadline = Deadline::never());

  /// Datagram: sends one message to the mailbox at `place`, waiting for room in it (by polling with a growing
  /// pause of at most 50 ms: the kernel offers no wait for a mailbox that one is not connected to). Errors:
  /// as connect and send_some.
  Result<void> send_to(std::string_view place, ByteView message, Deadline deadline = Deadline::never());

  struct Received {
    std::size_t size;  ///< of the message
    std::string from;  ///< where to answer to; empty when the sender has no name
  };
  /// Datagram: receives one message and its sender's place. Errors: as receive_some.
  Result<Received> receive_from(ByteSpan buffer, Deadline deadline = Deadline::never());

  /// See os::peer_credentials and os::peer_pidfd.
  Result<PeerCredentials> peer_credentials() const { return os::peer_credentials(fd()); }
  Result<Fd> peer_pidfd() const { return os::peer_pidfd(fd()); }

  /// The peer reads what was sent, then the end; receiving goes on. shutdown(2).
  Result<void> shutdown_write();
  /// Nothing more is received; the peer's sends fail with closed.
  Result<void> shutdown_read();

 private:
  explicit UnixSocket(Fd fd) noexcept;
  Fd fd_;
  std::unique_ptr<SocketName> name_;  // after fd_: removed while the socket is still open
};

/// Waits for connections at a place, which is its own while it lives.
class TENON_EXPORT UnixListener {
 public:
  /// Takes `place` and listens. Whoever sees the name can connect: it appears complete (mode, group,
  /// listening) by a rename(2). A name whose listener has died (kill -9) is replaced; a living one never is.
  /// To tell them apart, the holder is asked by a connection that is closed at once: a living listener sees
  /// it come and go. Two processes that start at the same time are kept apart by a lock on the folder
  /// (flock(2)), held during this call only and waited for at most 1 s. Programs that bind without the lock
  /// should not share a place with this.
  ///
  /// Tools that show the name a socket was bound to (ss, lsof, /proc/net/unix) show "PLACE.tenon".
  ///
  /// Errors: address_in_use (a living listener; its pid in the text where it can be known), already_exists
  /// (something else than a socket), permission_denied (a symbolic link at `place`; a socket of another user;
  /// a folder that others may write to and that is not sticky, so that anyone could replace the name),
  /// invalid_argument (type datagram: see UnixSocket::bind; a name beyond NAME_MAX), not_found (no such
  /// folder), timed_out (the lock).
  static Result<UnixListener> listen(std::string_view place, UnixListenOptions options = {});

  UnixListener(UnixListener&& other) noexcept;
  UnixListener& operator=(UnixListener&& other) noexcept;
  /// Removes the name, if it is still the file that listen() made. Connections that wait are refused.
  /// A child of fork(2) that destroys its copy removes the name as well: leave such a child with _exit(2) or
  /// exec.
  ~UnixListener();

  /// The next connection. Errors: timed_out, cancelled, resource_limit: no descriptor is left (ulimit -n);
  /// one waiting connection was closed with the descriptor kept in reserve for that, so that fd() does not
  /// stay readable for ever, and the listener goes on.
  Result<UnixSocket> accept(Deadline deadline = Deadline::never());

  /// Readable when a connection waits.
  int fd() const noexcept { return fd_.get(); }
  /// As it was given to listen().
  const std::string& place() const noexcept { return place_; }

 private:
  UnixListener(Fd fd, Fd reserve, std::string place, std::unique_ptr<SocketName> name) noexcept;
  Fd fd_;
  Fd reserve_;
  std::string place_;
  std::unique_ptr<SocketName> name_;  // after fd_: removed while the socket is still open
};

}  // namespace tenon::os
