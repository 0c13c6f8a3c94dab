#include "channel/file/peer.hpp"

#include "os/coarse_clock.hpp"

namespace tenon::filelog {
namespace {

constexpr std::chrono::milliseconds between_looks{10};

}  // namespace

Peer::Peer(const Place& place, const Presence& presence) : place_(&place), presence_(presence) {
  // While it sits there its process id means it, unless it belongs to another container.
  if (auto opened = os::Process::open(static_cast<int>(presence.process)); opened && !looks_gone()) {
    process_.emplace(std::move(*opened));
    pidfd_.store(process_->pidfd(), std::memory_order_relaxed);
  }
}

bool Peer::looks_gone() const noexcept {
  try {
    const auto taken = place_->is_other_there();
    if (taken && !*taken) return true;
    const auto line = place_->presence(presence_.role);
    // Another process or session in its seat: it is gone. A line that cannot be read says nothing.
    return line && (line->process != presence_.process || line->session != presence_.session ||
                    line->stage == Stage::left);
  } catch (const std::bad_alloc&) {
    return false;
  }
}

bool Peer::is_gone(LastLook& last, bool now) noexcept {
  if (was_gone()) return true;
  const auto time = os::coarse_now();
  if (!now && time - last < between_looks) return false;
  last = time;
  if (!looks_gone()) return false;
  gone_.store(true, std::memory_order_release);  // SYNC: peer gone
  return true;
}

}  // namespace tenon::filelog
