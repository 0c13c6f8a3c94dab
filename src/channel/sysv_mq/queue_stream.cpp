#include "channel/sysv_mq/queue_stream.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include <tenon/os/unix_socket.hpp>

#include "base/try.hpp"
#include "os/coarse_clock.hpp"

namespace tenon::sysv_mq {
namespace {

using namespace std::chrono_literals;

constexpr std::size_t first_room = 8192;
/// More than any tenon sends in one message.
constexpr std::size_t largest_room = 64 * 1024;
/// A peer that died awake does not answer the bell: somebody who only sends looks this often.
constexpr auto look_interval = 10ms;
/// Of so many tries in a row without sleeping, one asks the kernel although the peer has counted nothing new, and
/// whether there still is a peer.
constexpr unsigned tries_between_looks = 16;

}  // namespace

bool QueueStream::Staging::reserve(std::size_t bytes) noexcept {
  if (memory && room >= bytes) return true;
  std::unique_ptr<std::byte[]> larger(new (std::nothrow) std::byte[os::PrivateQueue::header_size + bytes]);
  if (!larger) return false;
  memory = std::move(larger);
  room = bytes;
  return true;
}

QueueStream::QueueStream(Line line) : line_(std::move(line)) {}

// ---- The listening side's beginning

/// 0, EAGAIN (it has not come), or why this is no peer.
int QueueStream::take_opening() noexcept try {
  std::array<std::byte, opening_size> bytes;
  std::vector<os::Fd> descriptors;
  auto socket = os::UnixSocket::adopt(std::move(expected_->socket));
  const auto got = socket.receive_with_descriptors(bytes, descriptors, Deadline::now());
  expected_->socket = socket.release();
  if (!got && got.error().code() == Errc::timed_out) return EAGAIN;
  if (!got) return got.error().code() == Errc::protocol_violation ? EBADMSG : EPIPE;
  if (*got == 0) return EPIPE;
  const auto opening = *got == opening_size ? decode(bytes) : std::nullopt;
  if (!opening || descriptors.size() != 1) return EBADMSG;
  if (opening->project != expected_->project) return EPIPE;
  auto in = os::PrivateQueue::adopt(static_cast<int>(opening->to_taker), expected_->maker_uid, {});
  if (!in) return EBADMSG;
  auto out =
      os::PrivateQueue::adopt(static_cast<int>(opening->to_maker), expected_->maker_uid, expected_->capacity);
  if (!out) return EBADMSG;
  auto bell = os::QueueBell::take(std::move(expected_->socket), std::move(descriptors[0]));
  if (!bell) return EBADMSG;
  line_.emplace(std::move(*bell), std::move(*out), std::move(*in));
  expected_.reset();
  heard_ = true;
  return 0;
} catch (const std::bad_alloc&) {
  return ENOMEM;
}

int QueueStream::open() noexcept {
  if (line_) return 0;
  if (refused_ != 0 || !expected_) return refused_;
  const int error = take_opening();
  if (error != EAGAIN) refused_ = error;
  return error;
}

// ---- Reading

/// Makes sure that there are bytes in hand: 0, EAGAIN, EPIPE (the end), or what went wrong.
int QueueStream::fetch() noexcept {
  if (incoming_.left > 0) return 0;
  if (!incoming_.reserve(first_room)) return ENOMEM;
  const bool look = misses_ % tries_between_looks == tries_between_looks - 1;
  for (;;) {
    const bool was_gone = gone_.load(std::memory_order_relaxed);
    const os::Transfer got = line_->in.receive(incoming_.memory.get(), incoming_.room);
    if (got.count > 0) {
      line_->bell.took();
      incoming_.next = incoming_.payload();
      incoming_.left = got.count;
      heard_ = true;
      misses_ = 0;
      return 0;
    }
    if (got.lost_part() && incoming_.room < largest_room && incoming_.reserve(largest_room)) continue;
    if (!got.would_block()) return got.error;
    if (was_gone) return EPIPE;  // what it had sent was there before it went
    const auto heard = look ? line_->bell.drain() : os::QueueBell::State::quiet;
    if (heard == os::QueueBell::State::quiet) {
      ++misses_;
      return EAGAIN;
    }
    if (heard == os::QueueBell::State::gone) gone_.store(true, std::memory_order_relaxed);
  }
}

os::Transfer QueueStream::read(std::span<const os::Slice> into, std::vector<os::Fd>&) noexcept {
  int error = open();
  if (error == 0) error = fetch();
  if (error != 0) return {0, error == EPIPE ? 0 : error};
  std::size_t count = 0;
  for (const os::Slice& slice : into) {
    const std::size_t part = std::min(slice.size, incoming_.left);
    if (part > 0) std::memcpy(slice.data, incoming_.next, part);
    incoming_.next += part;
    incoming_.left -= part;
    count += part;
  }
  return {count, 0};
}

/// Asked before a poll descriptor is waited for: from here on the peer rings.
bool QueueStream::holds_more() noexcept {
  if (!line_) return false;
  if (incoming_.left > 0) return true;
  if (line_->bell.drain() == os::QueueBell::State::gone) gone_.store(true, std::memory_order_relaxed);
  line_->bell.arm();
  return fetch() != EAGAIN;
}

// ---- Writing

bool QueueStream::time_to_look() noexcept {
  const auto now = os::coarse_now();
  if (now - looked_ < look_interval) return false;
  looked_ = now;
  return true;
}

os::Transfer QueueStream::write(std::span<const os::Slice> from, std::span<const int>) noexcept {
  if (const int error = open(); error != 0) return {0, error};
  if (time_to_look() && line_->bell.hung_up()) gone_.store(true, std::memory_order_relaxed);
  if (gone_.load(std::memory_order_relaxed)) return {0, EPIPE};
  if (refusals_ % tries_between_looks != 0 && line_->bell.taken_by_peer() == taken_seen_) {
    ++refusals_;
    return {0, EAGAIN};
  }
  const std::size_t chunk = line_->out.chunk();
  if (!outgoing_.reserve(chunk)) return {0, ENOMEM};
  std::size_t count = 0;
  for (const os::Slice& slice : from) {
    const std::size_t part = std::min(slice.size, chunk - count);
    if (part > 0) std::memcpy(outgoing_.payload() + count, slice.data, part);
    count += part;
  }
  os::Transfer sent = line_->out.send(outgoing_.memory.get(), count);
  if (sent.would_block()) {
    // Only now, since the counter is in the peer's cache; what it takes between the two is found by the second.
    taken_seen_ = line_->bell.taken_by_peer();
    sent = line_->out.send(outgoing_.memory.get(), count);
  }
  refusals_ = sent.would_block() ? refusals_ + 1 : 0;
  if (sent.error != 0) return sent;
  // A peer that has gone by now may have read it before.
  if (!line_->bell.put()) gone_.store(true, std::memory_order_relaxed);
  return sent;
}

// ---- Waiting

Result<void> QueueStream::wait(os::Wait what, Deadline deadline) {
  if (!line_) return os::wait_for(read_fd(), os::Wait::readable, deadline);
  if (what == os::Wait::writable) {
    auto woken = line_->bell.sleep_until_room(taken_seen_, deadline);
    refusals_ = 0;
    return woken;
  }
  line_->bell.arm();
  if (fetch() != EAGAIN) {
    line_->bell.disarm();
    return {};
  }
  auto woken = os::wait_for(line_->bell.fd(), os::Wait::readable, deadline);
  line_->bell.disarm();
  if (woken && line_->bell.drain() == os::QueueBell::State::gone)
    gone_.store(true, std::memory_order_relaxed);
  return woken;
}

// ---- Ending

int QueueStream::read_fd() const noexcept {
  if (line_) return line_->bell.fd();
  return expected_ ? expected_->socket.get() : -1;
}

void QueueStream::abort() noexcept {
  if (line_) line_->bell.cut();
}

void QueueStream::close() noexcept {
  expected_.reset();
  if (!line_) return;
  line_->in.remove();
  // What we sent stays for the peer to read, who removes the queue then; not when there is no peer to do so.
  if (heard_ && !gone_.load(std::memory_order_relaxed) && !line_->bell.hung_up()) line_->out.leave();
  line_.reset();
}

}  // namespace tenon::sysv_mq
