#include "os/fifo_stream.hpp"

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <cerrno>

#include "base/try.hpp"
#include "os/backoff.hpp"
#include "os/fifo_place.hpp"
#include "os/retry.hpp"
#include "os/sigpipe.hpp"

namespace tenon::os {
namespace {

/// The other side of a pipe has been there and is gone. Before the first has come nothing is reported.
bool other_side_left(int fd) noexcept {
  pollfd state{fd, 0, 0};
  return retry([&] { return ::poll(&state, 1, 0); }) == 1 && (state.revents & (POLLHUP | POLLERR)) != 0;
}

bool is_nothing(const Transfer& transfer) noexcept {
  return transfer.count == 0 && transfer.error == 0;
}

}  // namespace

// ---- Two private pipes

Transfer RequestedStream::read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept {
  Transfer transfer = pipes_.read(into, descriptors);
  if (!door_) return transfer;
  if (is_nothing(transfer)) {  // as at the end, before the listener has opened its end too
    if (!other_side_left(pipes_.read_fd()) && !other_side_left(door_.get())) return {0, EAGAIN};
    transfer = pipes_.read(into, descriptors);
  }
  if (transfer.count > 0) {
    pair_.listener_came();
    door_.reset();
  }
  return transfer;
}

void RequestedStream::close() noexcept {
  pipes_.close();
  pair_.forget();
  door_.reset();
}

// ---- One plain pipe

bool PlainFifoStream::takes(Side side) noexcept {
  // Relaxed: it says nothing about other memory, each direction has descriptors of its own.
  Side found = Side::undecided;
  return side_.compare_exchange_strong(found, side, std::memory_order_relaxed) || found == side;
}

int PlainFifoStream::open_to_read() noexcept {
  if (!takes(Side::reading)) return EOPNOTSUPP;
  if (in_) return 0;
  in_ = open_fifo_end(object_.get(), FifoAccess::read);
  if (!in_) return errno;
  if (lease_) lease_->reset();
  return 0;
}

int PlainFifoStream::open_to_write() noexcept {
  if (!takes(Side::writing)) return EOPNOTSUPP;
  if (lease_) lease_->reset();  // or we would be our own reader
  if (!out_) out_ = open_fifo_end(object_.get(), FifoAccess::write);
  if (out_) return 0;
  return errno == ENXIO ? EAGAIN : errno;
}

Transfer PlainFifoStream::read(std::span<const Slice> into, std::vector<Fd>&) noexcept {
  if (const int problem = open_to_read(); problem != 0) return {0, problem};
  const auto read_once = [&]() -> Transfer {
    const ssize_t got = retry([&] { return ::read(in_.get(), into[0].data, into[0].size); });
    return got < 0 ? Transfer{0, errno} : Transfer{static_cast<std::size_t>(got), 0};
  };
  Transfer transfer = read_once();
  if (is_nothing(transfer) && !writer_came_) {
    if (!other_side_left(in_.get())) return {0, EAGAIN};
    transfer = read_once();
  }
  writer_came_ = true;
  ended_ = is_nothing(transfer);
  return transfer;
}

Transfer PlainFifoStream::write(std::span<const Slice> from, std::span<const int>) noexcept {
  if (const int problem = open_to_write(); problem != 0) return {0, problem};
  const ssize_t put = retry([&] {
    return writev_no_sigpipe(out_.get(), reinterpret_cast<const iovec*>(from.data()),
                             static_cast<int>(from.size()));
  });
  return put < 0 ? Transfer{0, errno} : Transfer{static_cast<std::size_t>(put), 0};
}

Result<void> PlainFifoStream::wait(Wait what, Deadline deadline) {
  if (what == Wait::readable || out_) return ByteStream::wait(what, deadline);
  Backoff backoff(deadline);
  while (open_to_write() == EAGAIN) {
    if (auto paused = backoff.pause(); !paused) {
      const bool late = paused.error().code() == Errc::timed_out;
      return std::unexpected(
          paused.error().with("wait for", {}, late ? "no program has opened it for reading" : ""));
    }
  }
  return {};
}

/// Who waits for a writer learns that there is nothing to come.
void PlainFifoStream::finish() noexcept {
  if (lease_ && side_.load(std::memory_order_relaxed) != Side::reading) static_cast<void>(open_to_write());
  out_.reset();
}

void PlainFifoStream::close() noexcept {
  if (lease_ && ended_) *lease_ = std::move(in_);
  in_.reset();
  out_.reset();
  lease_.reset();
}

}  // namespace tenon::os
