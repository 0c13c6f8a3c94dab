#include "os/doorbell.hpp"

#include <sys/socket.h>
#include <array>
#include <cerrno>

#include "os/retry.hpp"

namespace tenon::os {
namespace {

/// A peer may ring without end: what is left rings again.
constexpr int most_reads = 4;
constexpr int ring_tries = 3;

}  // namespace

bool SocketDoorbell::ring() noexcept {
  const char one = 1;
  for (int tries = 0; tries < ring_tries; ++tries) {
    // EAGAIN: a full buffer has rings enough in it.
    if (retry([&] { return ::send(socket_.get(), &one, 1, MSG_DONTWAIT | MSG_NOSIGNAL); }) == 1 ||
        errno == EAGAIN)
      return true;
    if (errno == EPIPE || errno == ECONNRESET) return false;
  }
  disconnect();  // the kernel has no memory: whom nobody can wake would sleep for ever
  return false;
}

Doorbell::State SocketDoorbell::hush() noexcept {
  std::array<char, 256> rings;
  State state = State::quiet;
  for (int i = 0; i < most_reads; ++i) {
    const auto count = retry([&] { return ::recv(socket_.get(), rings.data(), rings.size(), MSG_DONTWAIT); });
    if (count == 0 || (count < 0 && errno == ECONNRESET)) return State::gone;
    if (count > 0) state = State::rung;
    if (count < static_cast<ssize_t>(rings.size())) break;
  }
  return state;
}

void SocketDoorbell::disconnect() noexcept {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace tenon::os
