#include "os/byte_stream.hpp"

#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <limits>
#include <string>

#include "base/try.hpp"
#include "os/control_data.hpp"
#include "os/retry.hpp"
#include "os/sigpipe.hpp"
#include "os/wait.hpp"

namespace tenon::os {
namespace {

static_assert(sizeof(Slice) == sizeof(iovec) && offsetof(Slice, data) == offsetof(iovec, iov_base) &&
              offsetof(Slice, size) == offsetof(iovec, iov_len));

iovec* as_iovec(std::span<const Slice> slices) noexcept {
  return reinterpret_cast<iovec*>(const_cast<Slice*>(slices.data()));
}

Transfer result_of(ssize_t count) noexcept {
  if (count < 0) return {0, errno};
  return {static_cast<std::size_t>(count), 0};
}

}  // namespace

bool Transfer::would_block() const noexcept {
  return error == EAGAIN;
}

bool Transfer::broken() const noexcept {
  return error == EPIPE || error == ECONNRESET || error == ECONNABORTED || error == ETIMEDOUT ||
         error == ENOTCONN || error == ECONNREFUSED || error == EHOSTUNREACH || error == ENETUNREACH;
}

bool Transfer::wrong_way() const noexcept {
  return error == EOPNOTSUPP;
}

bool Transfer::lost_part() const noexcept {
  return error == EBADMSG;
}

Result<void> ByteStream::wait(Wait what, Deadline deadline) {
  return wait_for_either(what == Wait::readable ? read_fd() : write_fd(), what, peer_fd(), deadline);
}

Result<void> pause(Waiter& waiter, ByteStream& stream, Wait what, Deadline deadline) {
  return waiter.pause([&](Deadline until) { return stream.wait(what, until); }, deadline);
}

Result<void> watch(PollSet& set, const ByteStream& stream) {
  TRY(set.watch(stream.read_fd()));
  if (stream.peer_fd() < 0) return {};
  auto watched = set.watch(stream.peer_fd());
  if (!watched) set.unwatch(stream.read_fd());
  return watched;
}

void unwatch(PollSet& set, const ByteStream& stream) noexcept {
  set.unwatch(stream.read_fd());
  if (stream.peer_fd() >= 0) set.unwatch(stream.peer_fd());
}

Transfer PipeStream::read(std::span<const Slice> into, std::vector<Fd>&) noexcept {
  if (into.size() == 1)
    return result_of(retry([&] { return ::read(in_.get(), into[0].data, into[0].size); }));
  return result_of(retry([&] { return ::readv(in_.get(), as_iovec(into), static_cast<int>(into.size())); }));
}

Transfer PipeStream::glance(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept {
  return read(into, descriptors);
}

Transfer PipeStream::write(std::span<const Slice> from, std::span<const int>) noexcept {
  if (from.size() == 1 && sigpipe_is_ignored.load(std::memory_order_relaxed))
    return result_of(retry([&] { return ::write(out_.get(), from[0].data, from[0].size); }));
  return result_of(
      retry([&] { return writev_no_sigpipe(out_.get(), as_iovec(from), static_cast<int>(from.size())); }));
}

Transfer receive_message(int socket, std::span<const Slice> into, std::vector<Fd>& descriptors,
                         Leave leave) noexcept {
  ControlRoom<most_descriptors_at_once, false> room;
  msghdr message{};
  message.msg_iov = as_iovec(into);
  message.msg_iovlen = into.size();
  room.attach_to(message);
  const int flags = MSG_DONTWAIT | MSG_CMSG_CLOEXEC | (leave == Leave::all ? MSG_PEEK : 0);
  const auto receive = [&] { return ::recvmsg(socket, &message, flags); };
  ssize_t count = retry(receive);
  // A peer that left without reading what we sent shows as one ECONNRESET, on packet sockets even before the
  // messages that it had sent: they are still there.
  if (count < 0 && errno == ECONNRESET) count = retry(receive);
  if (count < 0) return result_of(count);
  if (message.msg_controllen != 0) take_descriptors(message, descriptors);
  // Descriptors beyond the room (or no descriptor left to put them in), or a packet beyond the buffer.
  if ((message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0) return {0, EBADMSG};
  return result_of(count);
}

Transfer receive_bytes(int socket, ByteSpan into) noexcept {
  const auto receive = [&] { return ::recv(socket, into.data(), into.size(), MSG_DONTWAIT); };
  ssize_t count = retry(receive);
  if (count < 0 && errno == ECONNRESET) count = retry(receive);  // as above
  return result_of(count);
}

Transfer receive_datagram(int socket, ByteSpan into) noexcept {
  const auto receive = [&] { return ::recv(socket, into.data(), into.size(), MSG_DONTWAIT | MSG_TRUNC); };
  const ssize_t count = retry(receive);
  if (count > static_cast<ssize_t>(into.size())) return {0, EBADMSG};
  return result_of(count);
}

Transfer send_message(int socket, std::span<const Slice> from, std::span<const int> descriptors) noexcept {
  constexpr int flags = MSG_DONTWAIT | MSG_NOSIGNAL;
  if (from.size() == 1 && descriptors.empty())
    return result_of(retry([&] { return ::send(socket, from[0].data, from[0].size, flags); }));
  ControlRoom<most_descriptors_at_once, false> room;
  msghdr message{};
  message.msg_iov = as_iovec(from);
  message.msg_iovlen = from.size();
  if (!descriptors.empty()) {
    room.attach_to(message);
    put_control_data(message, descriptors, false);
  }
  return result_of(retry([&] { return ::sendmsg(socket, &message, flags); }));
}

Transfer SocketStream::read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept {
  return packets_ ? reader_.read(socket_.get(), into, descriptors)
                  : receive_message(socket_.get(), into, descriptors);
}

Transfer SocketStream::glance(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept {
  return read(into, descriptors);
}

Transfer SocketStream::write(std::span<const Slice> from, std::span<const int> descriptors) noexcept {
  return send_message(socket_.get(), from, descriptors);
}

void SocketStream::finish() noexcept {
  ::shutdown(socket_.get(), SHUT_WR);
}

void SocketStream::abort() noexcept {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

void end_reading(int socket) noexcept {
  ::shutdown(socket, SHUT_RD);
}

Result<void> set_send_buffer(int socket, std::size_t bytes) {
  const int wanted = static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max() / 2));
  int got = 0;
  socklen_t size = sizeof got;
  if (::setsockopt(socket, SOL_SOCKET, SO_SNDBUF, &wanted, sizeof wanted) != 0 ||
      ::getsockopt(socket, SOL_SOCKET, SO_SNDBUF, &got, &size) != 0) {
    return std::unexpected(Error::from_errno("set", "capacity", errno));
  }
  if (got / 2 >= wanted) return {};  // the kernel doubles what was asked for, for its own book-keeping
  return std::unexpected(Error(Errc::resource_limit, "set", "capacity",
                               "the kernel gives at most " + std::to_string(got / 2) +
                                   " bytes: ask for less, or raise /proc/sys/net/core/wmem_max"));
}

Result<DescriptorKind> kind_of(int fd) {
  struct stat status{};
  if (::fstat(fd, &status) != 0) {
    return std::unexpected(Error(Errc::invalid_argument, "adopt", "descriptor " + std::to_string(fd),
                                 "it is not open in this process", errno));
  }
  if (S_ISFIFO(status.st_mode)) return DescriptorKind::pipe;
  int type = 0;
  int domain = 0;
  socklen_t size = sizeof type;
  if (!S_ISSOCK(status.st_mode) || ::getsockopt(fd, SOL_SOCKET, SO_TYPE, &type, &size) != 0 ||
      ::getsockopt(fd, SOL_SOCKET, SO_DOMAIN, &domain, &size) != 0 || domain != AF_UNIX) {
    return DescriptorKind::other;
  }
  if (type == SOCK_STREAM) return DescriptorKind::stream_socket;
  return type == SOCK_SEQPACKET ? DescriptorKind::packet_socket : DescriptorKind::other;
}

}  // namespace tenon::os
