#include "channel/mmap/bell.hpp"

#include <algorithm>

#include <tenon/os/futex.hpp>

#include "base/try.hpp"

namespace tenon::mapped {
namespace {

/// Of the dead nobody tells a futex, so a sleeper looks: soon at first, and then seldom, since who has slept for long
/// may learn it late.
constexpr std::chrono::milliseconds first_look{2};
constexpr std::chrono::milliseconds last_look{32};
/// The kernel tells that a file was closed a moment before it gives the lock free.
constexpr std::chrono::milliseconds closing_takes{100};

}  // namespace

// ---- Session

Session::~Session() {
  if (place_) place_->end_channel(number_);
}

bool Session::ended() noexcept {
  if (gone_.load(std::memory_order_acquire)) return true;
  const std::uint64_t state = place_->state(other(place_->role()));
  const Stage stage = stage_of(state);
  if (session_of(state) == number_ && (stage == Stage::talking || stage == Stage::calling)) return false;
  gone_.store(true, std::memory_order_release);
  return true;
}

bool Session::peer_gone() noexcept {
  if (ended()) return true;
  try {
    const auto there = place_->is_other_there();
    if (!there || *there) return false;
  } catch (const std::bad_alloc&) {  // for the text of an error
    return false;
  }
  gone_.store(true, std::memory_order_release);
  return true;
}

void Session::leave() noexcept {
  gone_.store(true, std::memory_order_release);
  place_->end_channel(number_);
  for (auto word : {&KeptWords::data_bell, &KeptWords::room_bell}) {
    (ours_->*word).fetch_add(1, std::memory_order_acq_rel);
    os::futex_wake(ours_->*word, os::everyone);
  }
  if (theirs_->polls.load(std::memory_order_acquire) != 0) nudge(place_->role());
}

void Session::close() noexcept {
  if (!place_) return;
  leave();
  place_.reset();
}

// ---- FutexDoorbell

bool FutexDoorbell::ring() noexcept {
  auto& word = session_->ours().*word_;
  word.fetch_add(1, std::memory_order_acq_rel);
  os::futex_wake(word, os::everyone);
  if (word_ == &KeptWords::data_bell && session_->theirs().polls.load(std::memory_order_acquire) != 0)
    session_->nudge(session_->place().role());
  return true;
}

/// True when somebody has closed the file, or did a moment ago.
bool FutexDoorbell::listen_to_file() noexcept {
  if (!watch_) return false;
  const auto now = Deadline::Clock::now();
  if (watch_->drain()) closed_at_ = now;
  return closed_at_ != Deadline::Clock::time_point{} && now - closed_at_ < closing_takes;
}

os::Doorbell::State FutexDoorbell::hush() noexcept {
  const bool closing = listen_to_file();
  const std::uint32_t now = rings();
  const bool rung = now != heard_;
  heard_ = now;
  // Who rang a moment ago need not be looked for.
  if (rung && !closing ? session_->ended() : session_->peer_gone()) return State::gone;
  // Until the lock is free, or it was somebody else, the poll descriptor stays readable.
  if (closing) session_->nudge(other(session_->place().role()));
  return rung ? State::rung : State::quiet;
}

Result<void> FutexDoorbell::wait(Deadline deadline) {
  const auto& word = session_->theirs().*word_;
  for (auto look = first_look; rings() == heard_ && !session_->ended();
       look = std::min(2 * look, last_look)) {
    const auto woken = os::futex_wait(word, heard_, deadline.or_earlier(Deadline::in(look)));
    if (woken) continue;
    if (woken.error().code() != Errc::timed_out || deadline.expired()) return std::unexpected(woken.error());
    if (session_->peer_gone()) break;
  }
  return {};
}

Result<int> FutexDoorbell::poll_fd() {
  if (!watch_) {
    auto watch = TRY(
        os::NudgeWatch::create(session_->place().fd(), session_->nudge_of(other(session_->place().role()))));
    watch_.emplace(std::move(watch));
    session_->ours().polls.store(1, std::memory_order_release);
  }
  return watch_->fd();
}

}  // namespace tenon::mapped
