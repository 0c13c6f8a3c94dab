#include "os/queue_bell.hpp"

#include <poll.h>
#include <algorithm>

#include <tenon/os/futex.hpp>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr std::size_t page_size = 4096;

}  // namespace

Result<QueueBell::Page> QueueBell::make_page() {
  auto memory = TRY(Memfd::create("tenon-doorbell", page_size));
  TRY(memory.seal(Seals::shrink | Seals::grow | Seals::seal));
  auto mapping = TRY(memory.map(Access::read_write));
  for (const std::size_t half : {std::size_t{0}, sizeof(Half)})
    mapping.at<Half>(half).sleeps.store(1, std::memory_order_relaxed);
  return Page{std::move(memory), std::move(mapping)};
}

Result<QueueBell> QueueBell::take(Fd socket, Fd page) {
  const auto adopted = TRY(Memfd::adopt(std::move(page), {.min_size = page_size, .max_size = page_size}));
  return QueueBell(std::move(socket), TRY(adopted.map(Access::read_write)), End::taker);
}

QueueBell::Half& QueueBell::to_us() const noexcept {
  return page_.at<Half>(end_ == End::maker ? 0 : sizeof(Half));
}

QueueBell::Half& QueueBell::to_peer() const noexcept {
  return page_.at<Half>(end_ == End::maker ? sizeof(Half) : 0);
}

void QueueBell::arm() noexcept {
  to_us().sleeps.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: bell
}

void QueueBell::disarm() noexcept {
  // A ring that comes all the same wakes us for nothing.
  to_us().sleeps.store(0, std::memory_order_relaxed);
}

bool QueueBell::put() noexcept {
  ++put_;
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: bell
  Word& asleep = to_peer().sleeps;
  if (asleep.load(std::memory_order_relaxed) == 0 || asleep.exchange(0, std::memory_order_relaxed) == 0)
    return true;
  return socket_.ring();
}

void QueueBell::took() noexcept {
  Half& half = to_us();
  const std::uint32_t taken = half.taken.load(std::memory_order_relaxed) + 1;
  half.taken.store(taken, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: room
  if (half.room_wanted.load(std::memory_order_relaxed) == 0) return;
  const bool enough = taken - half.wake_at.load(std::memory_order_relaxed) < 1U << 31;  // at or behind it
  if (enough && half.room_wanted.exchange(0, std::memory_order_relaxed) != 0) futex_wake(half.taken);
}

std::uint32_t QueueBell::taken_by_peer() const noexcept {
  return to_peer().taken.load(std::memory_order_relaxed);
}

Result<void> QueueBell::sleep_until_room(std::uint32_t seen, Deadline deadline) {
  Half& half = to_peer();
  // When half of what is on its way has been taken, so that many small messages do not cost a wake-up each.
  half.wake_at.store(seen + std::max((put_ - seen) / 2, 1U), std::memory_order_relaxed);
  half.room_wanted.store(1, std::memory_order_relaxed);
  std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: room
  const auto woken = futex_wait(half.taken, seen, deadline.or_earlier(Deadline::in(room_slice)));
  half.room_wanted.store(0, std::memory_order_relaxed);
  if (woken || (woken.error().code() == Errc::timed_out && !deadline.expired())) return {};
  return std::unexpected(woken.error());
}

bool QueueBell::hung_up() const noexcept {
  pollfd line{socket_.fd(), 0, 0};
  return retry([&] { return ::poll(&line, 1, 0); }) == 1;
}

}  // namespace tenon::os
