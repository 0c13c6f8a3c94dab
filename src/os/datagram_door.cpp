#include "os/datagram_door.hpp"

#include <sys/socket.h>
#include <sys/uio.h>
#include <cerrno>
#include <string>

#include "base/try.hpp"
#include "os/control_data.hpp"
#include "os/retry.hpp"
#include "os/socket_io.hpp"

namespace tenon::os {
namespace {

constexpr std::size_t most_descriptors = 2;

bool is_unix_socket(const Fd& fd, int type) noexcept {
  int found = 0;
  socklen_t size = sizeof found;
  if (::getsockopt(fd.get(), SOL_SOCKET, SO_DOMAIN, &found, &size) != 0 || found != AF_UNIX) return false;
  return ::getsockopt(fd.get(), SOL_SOCKET, SO_TYPE, &found, &size) == 0 && found == type;
}

Result<void> send(int socket, ByteView text, std::span<const int> descriptors, Deadline deadline) {
  iovec part{const_cast<std::byte*>(text.data()), text.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ControlRoom<most_descriptors, true> room;
  room.attach_to(message);
  put_control_data(message, descriptors, true);
  static_cast<void>(TRY(transfer("connect", socket, Wait::writable, deadline,
                                 [&] { return ::sendmsg(socket, &message, MSG_NOSIGNAL | MSG_DONTWAIT); })));
  return {};
}

Result<std::pair<Fd, Fd>> make_pair(SocketType type) {
  auto pair = TRY(UnixSocket::pair(type));
  return std::pair(pair.first.release(), pair.second.release());
}

Result<DoorMessage> receive(int socket, std::size_t descriptors) {
  DoorMessage received;
  received.descriptors.reserve(descriptors);
  iovec part{received.bytes.data(), DoorMessage::max_size};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  ControlRoom<most_descriptors, true> room;
  room.attach_to(message);
  const ssize_t size = retry([&] { return ::recvmsg(socket, &message, MSG_DONTWAIT | MSG_CMSG_CLOEXEC); });
  if (size < 0 && errno == EAGAIN) return std::unexpected(Error(Errc::timed_out, "receive"));
  if (size < 0) return std::unexpected(Error::from_errno("receive", "request for a connection", errno));
  const auto sender = sender_of(message);
  take_descriptors(message, received.descriptors);
  if ((message.msg_flags & MSG_CTRUNC) != 0 && received.descriptors.size() < descriptors) {
    return std::unexpected(Error(Errc::resource_limit, "receive", "request for a connection",
                                 "no descriptor is left in this process: close some, or raise ulimit -n"));
  }
  if (size == 0 || (message.msg_flags & (MSG_TRUNC | MSG_CTRUNC)) != 0 || !sender ||
      received.descriptors.size() != descriptors) {
    return std::unexpected(Error(Errc::protocol_violation, "receive"));
  }
  received.size = static_cast<std::size_t>(size);
  received.sender = *sender;
  return received;
}

}  // namespace

Result<DatagramDoor> DatagramDoor::open(std::string_view place, UnixListenOptions options) {
  options.type = SocketType::datagram;
  Fd fd = TRY(make_socket(AF_UNIX, SOCK_DGRAM, "listen", place));
  TRY(set_option(fd.get(), SOL_SOCKET, SO_PASSCRED, 1, "listen"));
  auto name = TRY(SocketName::take("listen", fd.get(), place, options));
  return DatagramDoor(std::move(fd), std::move(name));
}

Result<DoorMessage> DatagramDoor::next() {
  auto request = TRY(receive(fd_.get(), 2));
  if (!is_unix_socket(request.descriptors[0], SOCK_DGRAM) ||
      !is_unix_socket(request.descriptors[1], SOCK_STREAM)) {
    return std::unexpected(Error(Errc::protocol_violation, "receive"));
  }
  return request;
}

Result<DatagramEnds> DatagramDoor::answer(DoorMessage request, ByteView text) {
  auto [out, theirs] = TRY(make_pair(SocketType::datagram));
  const int given = theirs.get();
  TRY(send(request.descriptors[1].get(), text, {&given, 1}, Deadline::now()));
  return DatagramEnds{std::move(request.descriptors[0]), std::move(out), std::move(request.descriptors[1])};
}

Result<Answered> knock(std::string_view place, ByteView text, Deadline deadline) {
  auto [out, theirs] = TRY(make_pair(SocketType::datagram));
  auto [line, their_line] = TRY(make_pair(SocketType::stream));
  TRY(set_option(line.get(), SOL_SOCKET, SO_PASSCRED, 1, "connect"));
  {
    const UnixSocket to_door = TRY(UnixSocket::connect(place, SocketType::datagram, deadline));
    const std::array<int, 2> given{theirs.get(), their_line.get()};
    if (auto sent = send(to_door.fd(), text, given, deadline); !sent) {
      return std::unexpected(sent.error().with("connect", std::string(place),
                                               sent.error().code() == Errc::timed_out
                                                   ? "the listener is there but its queue of requests is full"
                                                   : std::string(sent.error().advice())));
    }
    theirs.reset();
    their_line.reset();  // from here on only the listener holds it, so that its end shows
  }
  TRY(wait_for(line.get(), Wait::readable, deadline));
  auto answer = receive(line.get(), 1);
  if (!answer || !is_unix_socket(answer->descriptors[0], SOCK_DGRAM)) {
    return std::unexpected(Error(Errc::no_one_there, "connect", std::string(place),
                                 "the listener went away, or does not let this user in"));
  }
  Fd in = std::move(answer->descriptors[0]);
  return Answered{{std::move(in), std::move(out), std::move(line)}, std::move(*answer)};
}

}  // namespace tenon::os
