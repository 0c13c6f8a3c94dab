#include "os/mailbox.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <algorithm>
#include <cerrno>

#include "base/try.hpp"
#include "os/control_data.hpp"
#include "os/retry.hpp"
#include "os/socket_io.hpp"

namespace tenon::os {
namespace {

constexpr std::size_t max_descriptors = 4;
constexpr std::size_t kernels_part = 32;  ///< of SO_SNDBUF, in unix_dgram_sendmsg()
constexpr auto pause_for_room = std::chrono::milliseconds(1);
constexpr int most_unwanted = 64;  ///< before a call that found only these looks at its deadline again

}  // namespace

struct Mailbox::Name {
  sockaddr_un address{};
  socklen_t length = 0;
};

Mailbox::Mailbox(int socket, std::size_t max_packet, SenderCheck may_send)
    : socket_(socket),
      max_packet_(max_packet),
      may_send_(std::move(may_send)),
      last_(std::make_shared<Name>()) {}

Transfer Mailbox::send(ByteView packet, std::span<const int> descriptors) noexcept {
  Name to;
  {
    const std::lock_guard lock(naming_);
    to = *last_;
  }
  if (to.length <= sizeof to.address.sun_family) return {0, EDESTADDRREQ};
  iovec part{const_cast<std::byte*>(packet.data()), packet.size()};
  ControlRoom<max_descriptors, false> room;
  msghdr message{};
  message.msg_name = &to.address;
  message.msg_namelen = to.length;
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  if (!descriptors.empty()) {
    room.attach_to(message);
    put_control_data(message, descriptors, false);
  }
  if (retry([&] { return ::sendmsg(socket_, &message, MSG_DONTWAIT | MSG_NOSIGNAL); }) >= 0)
    return {packet.size(), 0};
  const bool gone = errno == ECONNREFUSED || errno == ENOENT || errno == EPERM || errno == EACCES;
  return {0, gone ? EDESTADDRREQ : errno};
}

Transfer Mailbox::receive(ByteSpan into, std::vector<Fd>& descriptors) noexcept {
  for (int unwanted = 0; unwanted < most_unwanted; ++unwanted) {
    Name from;
    iovec part{into.data(), into.size()};
    ControlRoom<max_descriptors, true> room;
    msghdr message{};
    message.msg_name = &from.address;
    message.msg_namelen = sizeof from.address;
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    room.attach_to(message);
    const ssize_t size = retry([&] { return ::recvmsg(socket_, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
    if (size < 0) return {0, errno};
    const auto sender = sender_of(message);
    take_descriptors(message, descriptors);
    if (!sender || !may_send_(*sender) || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0) {
      descriptors.clear();
      continue;
    }
    from.length = message.msg_namelen;
    const std::lock_guard lock(naming_);
    *last_ = from;
    return {static_cast<std::size_t>(size), 0};
  }
  return {0, EAGAIN};
}

Result<void> Mailbox::wait(Wait what, Deadline deadline) {
  if (what == Wait::readable) return wait_for(socket_, what, deadline);
  auto woken = wait_for(-1, Wait::readable, deadline.or_earlier(Deadline::in(pause_for_room)));
  if (!woken && woken.error().code() == Errc::timed_out && !deadline.expired()) return {};
  return woken;
}

Result<void> tell_senders(int socket) {
  return set_option(socket, SOL_SOCKET, SO_PASSCRED, 1, "listen");
}

Result<std::size_t> largest_packet(int socket) {
  int room = 0;
  socklen_t length = sizeof room;
  if (::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &room, &length) != 0)
    return std::unexpected(Error::from_errno("ask for the buffer of", "socket", errno));
  return static_cast<std::size_t>(std::max(room, 0)) - kernels_part;
}

Result<Fd> connect_mailbox(std::string_view place, Deadline deadline) {
  Fd fd = TRY(UnixSocket::connect(place, SocketType::datagram, deadline)).release();
  const sockaddr_un choose{AF_UNIX, {}};
  if (::bind(fd.get(), reinterpret_cast<const sockaddr*>(&choose), sizeof choose.sun_family) == 0) return fd;
  return std::unexpected(Error::from_errno("bind", "a free abstract name", errno));
}

Result<unsigned> owner_of_socket(const std::string& path) {
  struct stat status{};
  if (::lstat(path.c_str(), &status) == 0) return status.st_uid;
  return std::unexpected(Error::from_errno("connect", path, errno));
}

}  // namespace tenon::os
