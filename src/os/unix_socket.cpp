#include <tenon/os/unix_socket.hpp>

#include <sys/socket.h>
#include <array>
#include <cerrno>
#include <cstring>

#include "base/try.hpp"
#include "os/backoff.hpp"
#include "os/retry.hpp"
#include "os/socket_io.hpp"
#include "os/socket_name.hpp"
#include "os/unix_address.hpp"

namespace tenon::os {
namespace {

Error not_connected(std::string_view place, int reason) {
  const auto say = [&](Errc code, std::string advice) {
    return Error(code, "connect", std::string(place), std::move(advice), reason);
  };
  switch (reason) {
    case ECONNREFUSED:
    case ENOENT:
      return say(Errc::no_one_there, "start the listener first");
    case EPROTOTYPE:
      return say(
          Errc::invalid_argument,
          "the socket there is of another type (stream, datagram, seqpacket): connect with the listener's");
    case EACCES:
    case EPERM:
      return say(
          Errc::permission_denied,
          "connecting needs write permission on the socket and search permission on the folders above it");
    default:
      return Error::from_errno("connect", std::string(place), reason);
  }
}

/// Room for exactly max_descriptors: CMSG_SPACE of another number would round up and let one more in.
struct DescriptorControl {
  static constexpr std::size_t size = CMSG_LEN(UnixSocket::max_descriptors * sizeof(int));
  alignas(cmsghdr) std::array<std::byte, size> bytes{};
};

/// Every descriptor of a received message, owned, appended to `out`; how many there were.
std::size_t take_descriptors(msghdr& message, std::vector<Fd>& out) {
  std::size_t taken = 0;
  for (cmsghdr* part = CMSG_FIRSTHDR(&message); part != nullptr; part = CMSG_NXTHDR(&message, part)) {
    if (part->cmsg_level != SOL_SOCKET || part->cmsg_type != SCM_RIGHTS) continue;
    const std::size_t count = (part->cmsg_len - CMSG_LEN(0)) / sizeof(int);
    for (std::size_t i = 0; i < count; ++i) {
      int fd = -1;
      std::memcpy(&fd, CMSG_DATA(part) + i * sizeof fd, sizeof fd);
      out.emplace_back(fd);
    }
    taken += count;
  }
  return taken;
}

Error descriptors_were_cut(std::size_t taken) {
  if (taken < UnixSocket::max_descriptors) {
    return {Errc::resource_limit, "receive", "descriptors",
            "this process has no room for the descriptors that the peer sent: close some, or raise the limit "
            "(ulimit -n)",
            EMFILE};
  }
  return {Errc::protocol_violation, "receive", "descriptors",
          "the peer sent more than " + std::to_string(UnixSocket::max_descriptors) + " with one message"};
}

}  // namespace

UnixSocket::UnixSocket(Fd fd) noexcept : fd_(std::move(fd)) {}
UnixSocket::UnixSocket(UnixSocket&& other) noexcept = default;
UnixSocket::~UnixSocket() = default;

UnixSocket& UnixSocket::operator=(UnixSocket&& other) noexcept {
  name_ = std::move(other.name_);  // before fd_: a name is removed while its socket is open
  fd_ = std::move(other.fd_);
  return *this;
}

Result<UnixSocket> UnixSocket::connect(std::string_view place, SocketType type, Deadline deadline) {
  const UnixAddress address = TRY(UnixAddress::of_existing("connect", place));
  Fd fd = TRY(make_socket(AF_UNIX, kernel_type(type), "connect", place));
  Backoff backoff(deadline);
  while (retry([&] { return ::connect(fd.get(), address.get(), address.length()); }) != 0) {
    if (errno != EAGAIN) return std::unexpected(not_connected(place, errno));
    if (const auto waited = backoff.pause(); !waited) {
      return std::unexpected(waited.error().with(
          "connect", std::string(place), "the listener is there but its queue of connections is full"));
    }
  }
  return UnixSocket(std::move(fd));
}

Result<std::pair<UnixSocket, UnixSocket>> UnixSocket::pair(SocketType type) {
  int ends[2];
  if (::socketpair(AF_UNIX, kernel_type(type) | SOCK_CLOEXEC | SOCK_NONBLOCK, 0, ends) != 0) {
    return std::unexpected(Error::from_errno("create", "socket pair", errno));
  }
  return std::pair(UnixSocket(Fd(ends[0])), UnixSocket(Fd(ends[1])));
}

Result<UnixSocket> UnixSocket::bind(std::string_view place, UnixListenOptions options) {
  options.type = SocketType::datagram;
  UnixSocket made(TRY(make_socket(AF_UNIX, SOCK_DGRAM, "bind", place)));
  if (place.empty()) {
    const sockaddr_un choose{AF_UNIX, {}};
    if (::bind(made.fd(), reinterpret_cast<const sockaddr*>(&choose), sizeof choose.sun_family) != 0) {
      return std::unexpected(Error::from_errno("bind", "a free abstract name", errno));
    }
  } else {
    made.name_ = TRY(SocketName::take("bind", made.fd(), place, options));
  }
  return made;
}

UnixSocket UnixSocket::adopt(Fd fd) noexcept {
  return UnixSocket(std::move(fd));
}

std::string UnixSocket::place() const {
  if (name_) return name_->place();
  sockaddr_un address{};
  socklen_t length = sizeof address;
  if (::getsockname(fd(), reinterpret_cast<sockaddr*>(&address), &length) != 0) return {};
  return place_of(address, length);
}

Result<std::size_t> UnixSocket::send_some(ByteView bytes, Deadline deadline) {
  return socket_send_some(fd(), bytes, deadline);
}

Result<void> UnixSocket::send_all(ByteView bytes, Deadline deadline) {
  return socket_send_all(fd(), bytes, deadline);
}

Result<std::size_t> UnixSocket::receive_some(ByteSpan buffer, Deadline deadline) {
  return socket_receive_some(fd(), buffer, deadline);
}

Result<std::size_t> UnixSocket::send_with_descriptors(ByteView bytes, std::span<const int> fds,
                                                      Deadline deadline) {
  if (bytes.empty() || fds.size() > max_descriptors) {
    return std::unexpected(
        Error(Errc::invalid_argument, "send", "descriptors",
              "at most " + std::to_string(max_descriptors) + " go with one message of at least one byte"));
  }
  if (fds.empty()) return send_some(bytes, deadline);
  iovec part{const_cast<std::byte*>(bytes.data()), bytes.size()};
  DescriptorControl control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_control = control.bytes.data();
  message.msg_controllen = CMSG_LEN(fds.size_bytes());
  cmsghdr* header = CMSG_FIRSTHDR(&message);
  header->cmsg_level = SOL_SOCKET;
  header->cmsg_type = SCM_RIGHTS;
  header->cmsg_len = CMSG_LEN(fds.size_bytes());
  std::memcpy(CMSG_DATA(header), fds.data(), fds.size_bytes());
  return transfer("send", fd(), Wait::writable, deadline,
                  [&] { return ::sendmsg(fd(), &message, MSG_NOSIGNAL | MSG_DONTWAIT); });
}

Result<std::size_t> UnixSocket::receive_with_descriptors(ByteSpan buffer, std::vector<Fd>& out,
                                                         Deadline deadline) {
  const std::size_t had = out.size();
  out.reserve(had + max_descriptors);  // nothing may fail between receiving a descriptor and owning it
  iovec part{buffer.data(), buffer.size()};
  DescriptorControl control;
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const std::size_t size = TRY(transfer("receive", fd(), Wait::readable, deadline, [&] {
    message.msg_control = control.bytes.data();
    message.msg_controllen = control.bytes.size();
    return ::recvmsg(fd(), &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC);
  }));
  const std::size_t taken = take_descriptors(message, out);
  if ((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) == 0) return size;
  out.resize(had);
  if ((message.msg_flags & MSG_TRUNC) != 0) return std::unexpected(message_was_cut("receive", buffer.size()));
  return std::unexpected(descriptors_were_cut(taken));
}

Result<void> UnixSocket::send_to(std::string_view place, ByteView message, Deadline deadline) {
  const UnixAddress address = TRY(UnixAddress::of_existing("send to", place));
  Backoff backoff(deadline);
  for (;;) {
    if (retry([&] {
          return ::sendto(fd(), message.data(), message.size(), MSG_NOSIGNAL | MSG_DONTWAIT, address.get(),
                          address.length());
        }) >= 0) {
      return {};
    }
    if (errno == EMSGSIZE || errno == ECONNREFUSED)
      return std::unexpected(transfer_error("send to", fd(), errno));
    if (errno != EAGAIN) return std::unexpected(not_connected(place, errno));
    TRY(backoff.pause());
  }
}

Result<UnixSocket::Received> UnixSocket::receive_from(ByteSpan buffer, Deadline deadline) {
  iovec part{buffer.data(), buffer.size()};
  sockaddr_un sender{};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  message.msg_name = &sender;
  const std::size_t size = TRY(transfer("receive", fd(), Wait::readable, deadline, [&] {
    message.msg_namelen = sizeof sender;
    return ::recvmsg(fd(), &message, MSG_DONTWAIT);
  }));
  if ((message.msg_flags & MSG_TRUNC) != 0) return std::unexpected(message_was_cut("receive", buffer.size()));
  return Received{size, place_of(sender, message.msg_namelen)};
}

Result<void> UnixSocket::shutdown_write() {
  return shut(fd(), SHUT_WR);
}
Result<void> UnixSocket::shutdown_read() {
  return shut(fd(), SHUT_RD);
}

UnixListener::UnixListener(Fd fd, Fd reserve, std::string place, std::unique_ptr<SocketName> name) noexcept
    : fd_(std::move(fd)), reserve_(std::move(reserve)), place_(std::move(place)), name_(std::move(name)) {}
UnixListener::UnixListener(UnixListener&& other) noexcept = default;
UnixListener::~UnixListener() = default;

UnixListener& UnixListener::operator=(UnixListener&& other) noexcept {
  name_ = std::move(other.name_);  // before fd_: a name is removed while its socket is open
  place_ = std::move(other.place_);
  reserve_ = std::move(other.reserve_);
  fd_ = std::move(other.fd_);
  return *this;
}

Result<UnixListener> UnixListener::listen(std::string_view place, UnixListenOptions options) {
  if (options.type == SocketType::datagram) {
    return std::unexpected(Error(Errc::invalid_argument, "listen", std::string(place),
                                 "datagram sockets have no connections: use UnixSocket::bind"));
  }
  Fd fd = TRY(make_socket(AF_UNIX, kernel_type(options.type), "listen", place));
  Fd reserve = TRY(make_reserve(fd.get()));
  auto name = TRY(SocketName::take("listen", fd.get(), place, options));
  return UnixListener(std::move(fd), std::move(reserve), std::string(place), std::move(name));
}

Result<UnixSocket> UnixListener::accept(Deadline deadline) {
  return UnixSocket::adopt(TRY(accept_connection(fd_.get(), reserve_, deadline, place_)));
}

}  // namespace tenon::os
