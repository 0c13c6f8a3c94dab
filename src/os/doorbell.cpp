#include "os/doorbell.hpp"

#include <sys/socket.h>
#include <array>
#include <cerrno>

#include "os/retry.hpp"

namespace tenon::os {
namespace {

/// A peer may ring without end: what is left rings again.
constexpr int most_reads = 4;

}  // namespace

bool SocketDoorbell::ring() noexcept {
  const char one = 1;
  // A full buffer has rings enough in it.
  return retry([&] { return ::send(socket_.get(), &one, 1, MSG_DONTWAIT | MSG_NOSIGNAL); }) >= 0 ||
         errno == EAGAIN || errno == ENOMEM || errno == ENOBUFS;
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
