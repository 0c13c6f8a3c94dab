#include "os/doorbell.hpp"

#include <poll.h>
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
    const std::size_t passed = passed_.size();
    const Transfer in = read({reinterpret_cast<std::byte*>(rings.data()), rings.size()});
    left_passed_ = in.lost_part();
    if (left_passed_) return hung_up() ? State::gone : State::rung;
    if (in.count == 0 && (in.error == 0 || in.error == ECONNRESET)) return State::gone;
    if (in.count > 0) state = State::rung;
    // A read ends behind a descriptor, however much there is.
    if (in.count < rings.size() && passed_.size() == passed) break;
    if (passed_.size() > most_passed_) lost_passed_ = true;
  }
  return state;
}

Transfer SocketDoorbell::read(const Slice& into) noexcept {
  if (most_passed_ > 0) return read_with_passed(into);
  const auto count = retry([&] { return ::recv(socket_.get(), into.data, into.size, MSG_DONTWAIT); });
  if (count < 0) return {0, errno};
  return {static_cast<std::size_t>(count), 0};
}

/// What this process has no descriptor left for stays there, so that nothing is lost.
Transfer SocketDoorbell::read_with_passed(const Slice& into) noexcept {
  const std::size_t before = passed_.size();
  const Transfer seen = receive_message(socket_.get(), {&into, 1}, passed_, Leave::all);
  const bool too_many = seen.lost_part() && passed_.size() - before == most_descriptors_at_once;
  if (too_many) lost_passed_ = true;
  if (seen.lost_part() && !too_many) passed_.resize(before);
  if (seen.count == 0 && !too_many) return seen;
  const std::size_t size = too_many ? 1 : seen.count;
  const auto taken = retry([&] { return ::recv(socket_.get(), into.data, size, MSG_DONTWAIT); });
  return {taken > 0 ? static_cast<std::size_t>(taken) : 0, taken < 0 ? errno : 0};
}

bool SocketDoorbell::hung_up() const noexcept {
  pollfd socket{socket_.get(), POLLRDHUP, 0};
  return retry([&] { return ::poll(&socket, 1, 0); }) > 0 && socket.revents != 0;
}

Doorbell::Passed SocketDoorbell::pass(int fd) noexcept {
  std::byte one{1};
  const Slice byte{&one, 1};
  const Transfer out = send_message(socket_.get(), {&byte, 1}, {&fd, 1});
  if (out.count == 1) return Passed::yes;
  return out.broken() ? Passed::gone : Passed::no_room;
}

Fd SocketDoorbell::take_passed() noexcept {
  if (passed_.empty()) return {};
  Fd first = std::move(passed_.front());
  passed_.erase(passed_.begin());
  return first;
}

void SocketDoorbell::disconnect() noexcept {
  ::shutdown(socket_.get(), SHUT_RDWR);
}

}  // namespace tenon::os
