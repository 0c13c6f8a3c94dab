#include "os/queue_port.hpp"

#include <mqueue.h>
#include <cerrno>

#include "os/retry.hpp"

namespace tenon::os {
namespace {

/// The queue's mode let us open it for the other direction only.
int denied_if_not_open(int error) noexcept {
  return error == EBADF ? EACCES : error;
}

}  // namespace

bool QueuePort::takes(Side side) noexcept {
  Side now = Side::undecided;
  return side_.compare_exchange_strong(now, side, std::memory_order_relaxed) || now == side;
}

Transfer QueuePort::send(ByteView packet, std::span<const int>) noexcept {
  if (!takes(Side::sending)) return {0, EOPNOTSUPP};
  const char* const bytes = packet.empty() ? "" : reinterpret_cast<const char*>(packet.data());
  if (retry([&] { return ::mq_send(fd(), bytes, packet.size(), priority_); }) != 0)
    return {0, denied_if_not_open(errno)};
  return {packet.size(), 0};
}

Transfer QueuePort::receive(ByteSpan into, std::vector<Fd>&) noexcept {
  if (!takes(Side::receiving)) return {0, EOPNOTSUPP};
  auto* bytes = reinterpret_cast<char*>(into.data());
  const ssize_t size = retry([&] { return ::mq_receive(fd(), bytes, into.size(), nullptr); });
  if (size < 0) return {0, denied_if_not_open(errno)};
  return {static_cast<std::size_t>(size), 0};
}

}  // namespace tenon::os
