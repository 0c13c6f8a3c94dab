#include "bench/os/exchange.hpp"

#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <chrono>
#include <cstring>
#include <new>

#include <tenon/os/futex.hpp>

#include "base/try.hpp"

namespace bench {
namespace {

using tenon::Deadline;
using tenon::Errc;
using tenon::Error;

constexpr std::chrono::seconds patience{5};

/// Waits until `word` is at least `least`.
tenon::Result<void> wait_for(const std::atomic<std::uint32_t>& word, std::uint32_t least, Deadline deadline) {
  for (;;) {
    const std::uint32_t value = word.load(std::memory_order_acquire);  // SYNC: exchange word
    if (value >= least) return {};
    static_cast<void>(TRY(tenon::os::futex_wait(word, value, deadline)));
  }
}

void add_one(std::atomic<std::uint32_t>& word) noexcept {
  word.fetch_add(1, std::memory_order_release);  // SYNC: exchange word
  tenon::os::futex_wake(word, tenon::os::everyone);
}

}  // namespace

void SideReport::fail(const tenon::Error& error) noexcept {
  const std::string text = error.message();
  failure.fill('\0');
  std::copy_n(text.data(), std::min(text.size(), failure.size() - 1), failure.data());
}

void Exchange::Unmap::operator()(Shared* shared) const noexcept {
  ::munmap(shared, sizeof(Shared));
}

tenon::Result<Exchange> Exchange::create() {
  void* const memory =
      ::mmap(nullptr, sizeof(Shared), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  if (memory == MAP_FAILED) return std::unexpected(Error::from_errno("map", "memory for the results", errno));
  Exchange exchange;
  exchange.shared_.reset(new (memory) Shared);
  exchange.reset();
  return exchange;
}

void Exchange::reset() noexcept {
  for (auto& word : {&shared_->published, &shared_->finished, &shared_->arrived, &shared_->at_flag,
                     &shared_->flag.there, &shared_->flag.back})
    word->store(0, std::memory_order_relaxed);
  shared_->address.fill('\0');
  for (auto& queue : shared_->queues) queue.store(-1, std::memory_order_relaxed);
  for (auto& pid : shared_->pids) pid.store(0, std::memory_order_relaxed);
  shared_->sides.fill({});
}

void Exchange::enter(unsigned side) noexcept {
  shared_->pids[side].store(::getpid(), std::memory_order_relaxed);
  if (alive_ >= 0) ::close(alive_);
}

void Exchange::publish(std::string_view address) noexcept {
  std::copy_n(address.data(), std::min(address.size(), shared_->address.size() - 1), shared_->address.data());
  add_one(shared_->published);
}

tenon::Result<std::string> Exchange::published() const {
  TRY(wait_for(shared_->published, 1, Deadline::in(patience)));
  return address_now();
}

std::string Exchange::address_now() const {
  return {shared_->address.data()};
}

void Exchange::finish() noexcept {
  add_one(shared_->finished);
}

bool Exchange::finished() const noexcept {
  return shared_->finished.load(std::memory_order_acquire) != 0;
}

bool Exchange::wait_finished(std::int64_t for_ns) const noexcept {
  return wait_for(shared_->finished, 1, Deadline::in(std::chrono::nanoseconds(for_ns))).has_value();
}

void Exchange::measure_flag(unsigned side) noexcept {
  add_one(shared_->at_flag);
  if (wait_for(shared_->at_flag, 2, Deadline::in(patience)))
    shared_->sides[side].flag_ns = flag_trip_ns(shared_->flag, side);
}

void Exchange::arrive() noexcept {
  add_one(shared_->arrived);
}

tenon::Result<void> Exchange::wait_arrived(std::uint32_t count) const {
  return wait_for(shared_->arrived, count, Deadline::in(patience));
}

}  // namespace bench
