#include "os/sysv_port.hpp"

#include <sys/msg.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

namespace tenon::os {
namespace {

constexpr std::size_t header_size = sizeof(long);

}  // namespace

SysvPort::SysvPort(int id, Types types, std::size_t max_packet, std::shared_ptr<void> keep_alive)
    : id_(id), types_(types), max_packet_(max_packet), keep_alive_(std::move(keep_alive)) {
  for (Direction* direction : {&out_, &in_})
    direction->memory = std::make_unique_for_overwrite<std::byte[]>(header_size + max_packet);
}

/// Otherwise a channel would receive what it has sent.
bool SysvPort::may_be(Role role) noexcept {
  Role before = Role::any;
  return !types_.one_way || role_.compare_exchange_strong(before, role, std::memory_order_relaxed) ||
         before == role;
}

Transfer SysvPort::failed(int error) noexcept {
  if (error == ENOMSG) return {0, EAGAIN};
  if (error == E2BIG) return {0, EBADMSG};
  if (error != EIDRM && error != EINVAL) return {0, error};
  removed_.store(true, std::memory_order_relaxed);
  return {0, EPIPE};
}

Transfer SysvPort::send(ByteView packet, std::span<const int>) noexcept {
  if (!may_be(Role::sender)) return {0, EOPNOTSUPP};
  if (packet.size() > max_packet_) return {0, EMSGSIZE};
  std::memcpy(out_.memory.get(), &types_.send, header_size);
  if (!packet.empty()) std::memcpy(out_.memory.get() + header_size, packet.data(), packet.size());
  if (::msgsnd(id_, out_.memory.get(), packet.size(), IPC_NOWAIT) != 0) return failed(errno);
  out_.pause = shortest_pause;
  return {packet.size(), 0};
}

Transfer SysvPort::receive(ByteSpan into, std::vector<Fd>&) noexcept {
  if (removed_.load(std::memory_order_relaxed)) return {0, EPIPE};
  if (!may_be(Role::receiver)) return {0, EOPNOTSUPP};
  const std::size_t room = std::min(into.size(), max_packet_);
  const ssize_t got = ::msgrcv(id_, in_.memory.get(), room, types_.receive, IPC_NOWAIT);
  if (got < 0) return failed(errno);
  const auto size = static_cast<std::size_t>(got);
  if (size > 0) std::memcpy(into.data(), in_.memory.get() + header_size, size);
  in_.pause = shortest_pause;
  return {size, 0};
}

Result<void> SysvPort::wait(Wait what, Deadline deadline) {
  auto& pause = what == Wait::readable ? in_.pause : out_.pause;
  auto over = wait_for(-1, Wait::readable, deadline.or_earlier(Deadline::in(pause)));
  pause = std::min(pause * 2, longest_pause);
  if (!over && over.error().code() == Errc::timed_out && !deadline.expired()) return {};
  return over;
}

}  // namespace tenon::os
