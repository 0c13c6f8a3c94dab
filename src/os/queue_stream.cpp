#include "os/queue_stream.hpp"

#include <mqueue.h>
#include <algorithm>
#include <cerrno>
#include <cstring>

#include "os/coarse_clock.hpp"
#include "os/file_io.hpp"
#include "os/retry.hpp"
#include "os/wait.hpp"

namespace tenon::os {
namespace {

/// How often a writer asks after its peer while there is always room.
constexpr std::chrono::milliseconds question_time{10};

constexpr int most_attempts = 10;

ssize_t receive(int queue, std::byte* into, std::size_t size) noexcept {
  return retry([&] { return ::mq_receive(queue, reinterpret_cast<char*>(into), size, nullptr); });
}

int send(int queue, ByteView message) noexcept {
  // The end marker is empty, and may not be a null pointer all the same.
  const char* const bytes = message.empty() ? "" : reinterpret_cast<const char*>(message.data());
  return retry([&] { return ::mq_send(queue, bytes, message.size(), 0); }) == 0 ? 0 : errno;
}

}  // namespace

QueueStream::QueueStream(PosixQueue in, PosixQueue out, Fd peer)
    : theirs_in_(std::move(in)),
      theirs_out_(std::move(out)),
      in_(theirs_in_->fd()),
      out_(theirs_out_->fd()),
      in_size_(theirs_in_->message_size()),
      out_size_(theirs_out_->message_size()),
      peer_(std::move(peer)),
      in_buffer_(in_size_),
      out_buffer_(out_size_) {}

QueueStream::QueueStream(PrivateQueues mine, PosixQueue door, Fd listener)
    : mine_(std::move(mine)),
      door_(std::move(door)),
      in_(mine_->to_client().fd()),
      out_(mine_->to_listener().fd()),
      in_size_(mine_->to_client().message_size()),
      out_size_(mine_->to_listener().message_size()),
      peer_(std::move(listener)),
      in_buffer_(in_size_),
      out_buffer_(out_size_) {}

// ---- Is anyone there?

/// Before the listener has taken our queues: it lives while its door is in use. The other order would miss one
/// that takes them and closes the door in between.
bool QueueStream::listener_is_gone() noexcept {
  if (is_queue_used(out_)) return false;
  if (!has_name(in_)) return !is_queue_used(out_);  // taken, and left since
  return !is_queue_used(door_->fd()) && !is_queue_used(out_);
}

/// True once reads should give what is left and then the end, and writes fail.
bool QueueStream::peer_is_gone(Clock::time_point& looked) noexcept {
  if (aborted_.load(std::memory_order_relaxed)) return true;
  if (door_ ? listener_is_gone() : !is_queue_used(out_)) return true;
  // Used, but not by the process that we know: it has ended, and a child that it made holds what it inherited.
  const auto now = coarse_now();
  if (now - looked < question_time) return false;
  looked = now;
  return has_ended(peer_);
}

void QueueStream::met() noexcept {
  if (!door_) return;
  mine_->taken();
  door_.reset();
}

Result<void> QueueStream::wait(Wait what, Deadline deadline) {
  if (what == Wait::readable ? holds_more() || peer_is_gone(reader_looked_)
                             : aborted_.load(std::memory_order_relaxed))
    return {};
  const int fd = what == Wait::readable ? read_fd() : write_fd();
  if (peer_) return wait_for_either(fd, what, peer_.get(), deadline);
  auto woken = wait_for(fd, what, deadline.or_earlier(Deadline::in(queue_look_time)));
  if (!woken && woken.error().code() == Errc::timed_out && !deadline.expired()) return {};
  return woken;
}

// ---- Bytes

Transfer QueueStream::take(std::span<const Slice> into) noexcept {
  std::size_t count = 0;
  for (const Slice& slice : into) {
    const std::size_t now = std::min(slice.size, end_ - begin_);
    if (now > 0) std::memcpy(slice.data, in_buffer_.data() + begin_, now);
    begin_ += now;
    count += now;
  }
  return {count, 0};
}

/// From the queue, without asking whether anybody is there.
Transfer QueueStream::receive_into(std::span<const Slice> into) noexcept {
  const bool straight = into.front().size >= in_size_;
  const ssize_t size = receive(in_, straight ? into.front().data : in_buffer_.data(), in_size_);
  if (size < 0) return {0, errno};
  if (size == 0) {
    ended_ = true;
    return {};
  }
  met();
  if (straight) return {static_cast<std::size_t>(size), 0};
  begin_ = 0;
  end_ = static_cast<std::size_t>(size);
  return take(into);
}

Transfer QueueStream::glance(std::span<const Slice> into, std::vector<Fd>&) noexcept {
  if (begin_ < end_) return take(into);
  return ended_ ? Transfer{} : receive_into(into);
}

Transfer QueueStream::read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept {
  Transfer transfer = glance(into, descriptors);
  if (!transfer.would_block() || !peer_is_gone(reader_looked_)) return transfer;
  transfer = receive_into(into);  // what it put in between our two looks
  if (!transfer.would_block()) return transfer;
  ended_ = true;
  return {};
}

/// The next bytes, as many as one message holds; copied only where they lie apart.
ByteView QueueStream::gather(std::span<const Slice> from) noexcept {
  while (!from.empty() && from.front().size == 0) from = from.subspan(1);
  if (from.empty()) return {};
  if (from.size() == 1 || from.front().size >= out_size_)
    return {from.front().data, std::min(from.front().size, out_size_)};
  std::size_t count = 0;
  for (const Slice& slice : from) {
    const std::size_t now = std::min(slice.size, out_size_ - count);
    if (now > 0) std::memcpy(out_buffer_.data() + count, slice.data, now);
    count += now;
  }
  return {out_buffer_.data(), count};
}

Transfer QueueStream::write(std::span<const Slice> from, std::span<const int>) noexcept {
  if (finished_ || aborted_.load(std::memory_order_relaxed)) return {0, EPIPE};
  const ByteView message = gather(from);
  if (message.empty()) return {};
  if (const auto now = coarse_now(); now - writer_asked_ >= question_time) {
    writer_asked_ = now;
    if (peer_is_gone(writer_looked_)) return {0, EPIPE};
  }
  const int error = send(out_, message);
  if (error == 0) return {message.size(), 0};
  if (error == EAGAIN && peer_is_gone(writer_looked_)) return {0, EPIPE};
  return {0, error};
}

// ---- The end
//
// Who leaves a queue that it reads does so before it makes room in it or says goodbye in the other: so a peer
// that finds the mark, and then sleeps, is woken by what comes after it; and one that is woken finds it gone.

void QueueStream::put_end() noexcept {
  if (told_end_.load(std::memory_order_relaxed)) return;
  int error = 0;
  // The kernel may have no memory for a message at that moment; in a full queue the peer finds the mark gone.
  for (int attempt = 0; attempt < most_attempts; ++attempt) {
    error = send(out_, {});
    if (error == 0 || error == EAGAIN) break;
  }
  told_end_.store(error == 0, std::memory_order_relaxed);
}

bool QueueStream::discard(int queue) noexcept {
  std::vector<std::byte>& buffer = queue == in_ ? in_buffer_ : out_buffer_;
  return receive(queue, buffer.data(), buffer.size()) >= 0;
}

void QueueStream::finish() noexcept {
  if (finished_) return;
  finished_ = true;
  put_end();
}

void QueueStream::close() noexcept {
  if (in_ < 0) return;
  if (mine_) mine_->withdraw();
  leave_queue(in_);
  discard(in_);  // wakes a peer that waits for room
  finished_ = true;
  put_end();
  in_ = out_ = -1;
  mine_.reset();
  theirs_in_.reset();
  theirs_out_.reset();
  door_.reset();
  peer_.reset();
}

void QueueStream::abort() noexcept {
  aborted_.store(true, std::memory_order_relaxed);
  ended_ = true;
  begin_ = end_ = 0;
  leave_queue(in_);
  discard(in_);
  while (discard(out_)) {  // wakes a sending thread of ours
  }
  put_end();
}

}  // namespace tenon::os
