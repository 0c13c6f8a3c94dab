// What Unix, TCP and UDP sockets have in common: transfers with a deadline, accepting at the descriptor
// limit, and a pause that grows. Never raises SIGPIPE, never blocks in the kernel.
#pragma once

#include <sys/socket.h>
#include <cerrno>
#include <cstddef>
#include <string>
#include <string_view>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

#include "os/retry.hpp"

namespace tenon::os {

/// Close-on-exec and non-blocking. socket(2). Errors: resource_limit, unsupported (the address family).
Result<Fd> make_socket(int family, int type, std::string_view operation, std::string_view subject);

/// The error of a failed send or receive on `fd`, with the limit that was hit where there is one.
Error transfer_error(std::string_view operation, int fd, int system_errno);

/// `call()` (a send or receive with MSG_DONTWAIT), repeated after a wait while it would block.
template <typename Call>
Result<std::size_t> transfer(std::string_view operation, int fd, Wait what, Deadline deadline, Call call) {
  for (;;) {
    const ssize_t done = retry(call);
    if (done >= 0) return static_cast<std::size_t>(done);
    if (errno != EAGAIN) return std::unexpected(transfer_error(operation, fd, errno));
    if (auto waited = wait_for(fd, what, deadline); !waited)
      return std::unexpected(std::move(waited).error());
  }
}

Result<std::size_t> socket_send_some(int fd, ByteView bytes, Deadline deadline);
Result<void> socket_send_all(int fd, ByteView bytes, Deadline deadline);
/// buffer_too_small when a message was longer than `buffer`, which the kernel tells by MSG_TRUNC.
Result<std::size_t> socket_receive_some(int fd, ByteSpan buffer, Deadline deadline);
Error message_was_cut(std::string_view operation, std::size_t room);

/// SHUT_RD or SHUT_WR. A peer that is gone already is no error.
Result<void> shut(int fd, int how);

Result<void> set_option(int fd, int level, int option, int value, std::string_view operation);

/// A descriptor that only keeps its number free, for accept_connection.
Result<Fd> make_reserve(int listener);

/// accept4(2), close-on-exec and non-blocking. At the descriptor limit the waiting connection is accepted
/// with the number that `reserve` holds, closed, and resource_limit returned.
Result<Fd> accept_connection(int listener, Fd& reserve, Deadline deadline, std::string_view subject);

}  // namespace tenon::os
