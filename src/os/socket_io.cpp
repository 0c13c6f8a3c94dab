#include "os/socket_io.hpp"

#include <fcntl.h>
#include <unistd.h>

#include "base/try.hpp"

namespace tenon::os {

Result<Fd> make_socket(int family, int type, std::string_view operation, std::string_view subject) {
  const int made = ::socket(family, type | SOCK_CLOEXEC | SOCK_NONBLOCK, 0);
  if (made < 0) return std::unexpected(Error::from_errno(operation, std::string(subject), errno));
  return Fd(made);
}

Error transfer_error(std::string_view operation, int fd, int system_errno) {
  switch (system_errno) {
    case EMSGSIZE: {
      int room = 0;
      socklen_t length = sizeof room;
      ::getsockopt(fd, SOL_SOCKET, SO_SNDBUF, &room, &length);
      return Error::from_errno(operation, "socket", system_errno,
                               "one message must fit the send buffer (SO_SNDBUF " + std::to_string(room) +
                                   " bytes with overhead) and the protocol: send less at a time");
    }
    case ETOOMANYREFS:
      return {Errc::resource_limit, operation, "socket",
              "too many descriptors are on their way and not yet received (ulimit -n counts them too)",
              system_errno};
    case ECONNREFUSED:
      return Error::from_errno(operation, "socket", system_errno, "nobody receives there (any more)");
    default:
      return Error::from_errno(operation, "socket", system_errno);
  }
}

Result<std::size_t> socket_send_some(int fd, ByteView bytes, Deadline deadline) {
  return transfer("send", fd, Wait::writable, deadline,
                  [&] { return ::send(fd, bytes.data(), bytes.size(), MSG_NOSIGNAL | MSG_DONTWAIT); });
}

Result<void> socket_send_all(int fd, ByteView bytes, Deadline deadline) {
  while (!bytes.empty()) bytes = bytes.subspan(TRY(socket_send_some(fd, bytes, deadline)));
  return {};
}

Error message_was_cut(std::string_view operation, std::size_t room) {
  return {Errc::buffer_too_small, operation, "socket",
          "a message longer than the buffer of " + std::to_string(room) + " bytes was cut and is lost"};
}

Result<std::size_t> socket_receive_some(int fd, ByteSpan buffer, Deadline deadline) {
  iovec part{buffer.data(), buffer.size()};
  msghdr message{};
  message.msg_iov = &part;
  message.msg_iovlen = 1;
  const std::size_t size = TRY(transfer("receive", fd, Wait::readable, deadline,
                                        [&] { return ::recvmsg(fd, &message, MSG_DONTWAIT); }));
  if ((message.msg_flags & MSG_TRUNC) != 0) return std::unexpected(message_was_cut("receive", buffer.size()));
  return size;
}

Result<void> shut(int fd, int how) {
  if (::shutdown(fd, how) == 0 || errno == ENOTCONN) return {};
  return std::unexpected(Error::from_errno("shut down", "socket", errno));
}

Result<void> set_option(int fd, int level, int option, int value, std::string_view operation) {
  if (::setsockopt(fd, level, option, &value, sizeof value) == 0) return {};
  return std::unexpected(Error::from_errno(operation, "socket", errno));
}

Result<Fd> make_reserve(int listener) {
  const int copy = ::fcntl(listener, F_DUPFD_CLOEXEC, 0);
  if (copy < 0) return std::unexpected(Error::from_errno("listen", "reserve descriptor", errno));
  return Fd(copy);
}

Result<Fd> accept_connection(int listener, Fd& reserve, Deadline deadline, std::string_view subject) {
  for (;;) {
    const int taken =
        retry([&] { return ::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK); });
    if (taken >= 0) return Fd(taken);
    const int reason = errno;
    if (reason == EMFILE || reason == ENFILE) {
      reserve.reset();
      Fd(::accept4(listener, nullptr, nullptr, SOCK_CLOEXEC | SOCK_NONBLOCK)).reset();
      if (auto renewed = make_reserve(listener)) reserve = std::move(*renewed);
      return std::unexpected(Error::from_errno("accept", std::string(subject), reason));
    }
    if (reason == EAGAIN) {
      TRY(wait_for(listener, Wait::readable, deadline));
    } else if (reason != ECONNABORTED) {
      return std::unexpected(Error::from_errno("accept", std::string(subject), reason));
    }
  }
}

}  // namespace tenon::os
