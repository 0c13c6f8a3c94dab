#include "os/tcp_stream.hpp"

#include <linux/sockios.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <sys/ioctl.h>
#include <sys/socket.h>
#include <algorithm>
#include <cerrno>
#include <limits>

#include "base/try.hpp"
#include "os/retry.hpp"
#include "os/socket_io.hpp"

namespace tenon::os {
namespace {

constexpr int rto_max_ms = 44;  // TCP_RTO_MAX_MS of Linux 6.15, which the C library does not know yet
/// A machine that is asked again and again and has not said anything.
constexpr unsigned unanswered = 2;
/// An acknowledgement may be delayed by 40 ms, and nothing tells when it has come.
constexpr std::chrono::nanoseconds longest_nap = std::chrono::milliseconds(8);

KeepAlive keep_alive_within(std::chrono::seconds limit) noexcept {
  KeepAlive when;
  when.interval = std::max(std::chrono::seconds(1), limit / 5);
  when.probes = 3;
  when.idle = std::max(std::chrono::seconds(1), limit - when.interval * when.probes);
  return when;
}

Result<void> set_receive_buffer(int socket, std::size_t bytes) {
  const int wanted = static_cast<int>(std::min<std::size_t>(bytes, std::numeric_limits<int>::max() / 2));
  TRY(set_option(socket, SOL_SOCKET, SO_RCVBUF, wanted, "set capacity of"));
  int got = 0;
  socklen_t size = sizeof got;
  ::getsockopt(socket, SOL_SOCKET, SO_RCVBUF, &got, &size);
  if (got / 2 >= wanted) return {};
  return std::unexpected(Error(Errc::resource_limit, "set", "capacity",
                               "the kernel gives at most " + std::to_string(got / 2) +
                                   " bytes: ask for less, or raise /proc/sys/net/core/rmem_max"));
}

/// Bytes that the peer's machine has not acknowledged, the end of the stream (1) included; 0 without a
/// connection.
int unacknowledged(int socket) noexcept {
  int bytes = 0;
  return ::ioctl(socket, SIOCOUTQ, &bytes) == 0 ? bytes : 0;
}

enum class Left : std::uint8_t { no, yes };

/// Throws away what has arrived; whether the peer has ended its direction, or is gone.
Left throw_away(int socket, Deadline deadline) noexcept {
  constexpr std::size_t much = 1 << 20;
  do {
    const ssize_t count =
        retry([&] { return ::recv(socket, nullptr, much, MSG_DONTWAIT | MSG_TRUNC); });  // tcp(7): no copy
    if (count < 0 && errno == EAGAIN) return Left::no;
    if (count <= 0) return Left::yes;
  } while (!deadline.expired());
  return Left::no;
}

}  // namespace

Result<std::unique_ptr<ByteStream>> TcpStream::create(TcpSocket socket, const TcpStreamOptions& options) {
  TRY(socket.set_no_delay(true));
  TRY(socket.set_keep_alive(keep_alive_within(options.dead_after)));
  // Not TCP_USER_TIMEOUT: it also ends the connection to a peer that answers every probe and does not read.
  // Fifteen repetitions (net.ipv4.tcp_retries2) end an unanswered one; older kernels space them out to minutes.
  const int rto =
      std::max(1000, static_cast<int>(std::chrono::milliseconds(options.dead_after).count() / 15));
  static_cast<void>(::setsockopt(socket.fd(), IPPROTO_TCP, rto_max_ms, &rto, sizeof rto));
  if (options.capacity != 0) {
    TRY(set_send_buffer(socket.fd(), options.capacity));
    TRY(set_receive_buffer(socket.fd(), options.capacity));
  }
  return std::unique_ptr<ByteStream>(new TcpStream(socket.release(), options.dead_after));
}

/// Whether what we sent, or asked, has been repeated and not answered for too long. An answer is any
/// acknowledgement: a peer that only does not read gives those.
bool TcpStream::is_silent() const noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  if (::getsockopt(read_fd(), IPPROTO_TCP, TCP_INFO, &info, &size) != 0) return false;
  const auto heard = std::chrono::milliseconds(std::min(info.tcpi_last_ack_recv, info.tcpi_last_data_recv));
  return std::max(info.tcpi_retransmits, info.tcpi_probes) >= unanswered && heard >= dead_after_;
}

bool TcpStream::peer_has_ended() noexcept {
  tcp_info info{};
  socklen_t size = sizeof info;
  return ::getsockopt(read_fd(), IPPROTO_TCP, TCP_INFO, &info, &size) == 0 &&
         info.tcpi_state != TCP_ESTABLISHED;
}

/// The kernel's keep-alive does not work while something is unacknowledged: so a long wait looks for itself.
Result<void> TcpStream::wait(Wait what, Deadline deadline) {
  Deadline& look = next_look_[what == Wait::readable ? 0 : 1];
  for (;;) {
    auto ready = wait_for(read_fd(), what, deadline.or_earlier(look));
    if (ready || ready.error().code() != Errc::timed_out || !look.expired()) return ready;
    if (is_silent()) {
      abort();
      return {};
    }
    look = Deadline::in(dead_after_ / 4);
    if (deadline.expired()) return ready;
  }
}

/// A socket that is closed while something has not been read, or that is sent to afterwards, answers with RST,
/// and then the peer's kernel may never get what is still in our send buffer. RFC 1122, 4.2.2.13.
Result<void> TcpStream::drain(Deadline deadline) {
  std::chrono::nanoseconds nap = std::chrono::microseconds(100);
  for (;;) {
    if (throw_away(read_fd(), deadline) == Left::yes || unacknowledged(read_fd()) <= 1) return {};
    const auto woken = wait_for(read_fd(), Wait::readable, deadline.or_earlier(Deadline::in(nap)));
    if (!woken && woken.error().code() != Errc::timed_out) return woken;
    if (deadline.expired()) break;
    nap = std::min(nap * 2, longest_nap);
  }
  return std::unexpected(
      Error(Errc::timed_out, "close", {},
            "the peer's machine has not taken the last " + std::to_string(unacknowledged(read_fd()) - 1) +
                " bytes: they go on in the kernel, and are lost if the peer sends more; close with a later "
                "deadline"));
}

}  // namespace tenon::os
