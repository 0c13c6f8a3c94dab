#include "channel/ring_receiver.hpp"

#include <algorithm>
#include <new>
#include <string>

#include "base/try.hpp"
#include "os/pause.hpp"

namespace tenon {
namespace {

using shm::RecordKind;

/// The reader's position is not told for each record, but while what was read is still in the first cache.
constexpr std::uint64_t bytes_given_back_together = 16 << 10;
/// Looks at the ring between two looks at the clock.
constexpr int looks_a_turn = 64;
/// Before those, without a pause between them: a pause may be as long as a line takes from one CPU to the other.
constexpr int eager_looks = 128;
/// A receiver that follows the sender closely makes it share its cache lines. So it falls back a little when a streak
/// of messages runs dry, or when it found each of as many at once; not in a conversation, where it sends as well.
constexpr std::uint64_t streak = 8;
constexpr int pauses_after_streak = 64;
/// A caller that asks again and again without waiting looks for the peer's end this often.
constexpr auto end_interval = std::chrono::microseconds(50);
/// One that spins, after so many turns.
constexpr std::uint64_t turns_between_looks = 256;
/// When the peer cannot be told reliably that we sleep.
constexpr auto short_sleep = std::chrono::milliseconds(1);

}  // namespace

RingReceiver::RingReceiver(RingSides& sides, RingView* view, std::uint64_t max_message_size) noexcept
    : reader_(view->data(), view->capacity(), &sides.regions->own.header().read_position,
              sides.start.receive_from),
      view_(view),
      freed_(sides.start.receive_from),
      lazy_(std::min(view->capacity() / 4, bytes_given_back_together)),
      may_hold_(view->capacity() / 4),
      blocks_(sides.regions, sides.fences, sides.data, sides.room, sides.arena),
      data_(sides.data),
      room_(sides.room),
      wants_data_(&sides.regions->own.header().wants_data, sides.fences),
      room_wish_(&sides.regions->peer.words().wants_room, sides.fences),
      waiter_(sides.wait),
      wait_(sides.wait),
      sent_(sides.sent),
      conversing_(sides.conversing),
      max_message_size_(max_message_size),
      given_back_(&sides.regions->own.header().read_position),
      settled_word_(sides.start.settled),
      settled_(sides.start.receive_from) {}

RingReceiver::~RingReceiver() {
  view_->abandon(freed_, reader_.position());
}

Statistics::Direction RingReceiver::statistics() const noexcept {
  Statistics::Direction counts = counts_;
  counts.sleeps = waiter_.sleeps();
  counts.wakeups = room_wish_.rings() + blocks_.rings();
  counts.system_calls = counts.wakeups + looks_for_end_ + 2 * waiter_.sleeps();
  return counts;
}

std::unexpected<Error> RingReceiver::violate(std::string_view rule) {
  end_ = Errc::protocol_violation;
  violated_rule_ = rule;
  assembly_.active = false;
  reader_.stop();
  data_.disconnect();
  room_.disconnect();
  return end_error();
}

std::unexpected<Error> RingReceiver::end_error() const {
  if (*end_ == Errc::resource_limit) return std::unexpected(Error(*end_, "receive", {}, violated_rule_));
  if (*end_ != Errc::protocol_violation) return std::unexpected(Error(*end_, "receive"));
  return std::unexpected(Error(Errc::protocol_violation, "receive", {},
                               "the peer sent " + violated_rule_ + "; it has been disconnected"));
}

// ---- Giving the ring back

/// Where unread messages outlive us, room for the next is made of what was read; but a message that is longer than
/// the ring needs its parts' room before it is whole.
std::uint64_t RingReceiver::may_give_back() const noexcept {
  if (settled_word_ == nullptr) return freed_;
  if (assembly_.active && assembly_.total > shm::max_kept(reader_.capacity())) return freed_;
  return std::min(freed_, settled_);
}

void RingReceiver::give_back() noexcept {
  freed_ = view_->first_held(freed_, reader_.position());
  const std::uint64_t until = may_give_back();
  if (until <= reader_.given_back()) return;
  reader_.give_back(until);
  if (!room_wish_.heed(room_)) gone_ = true;
}

/// With more than half of the ring held the peer could wait for room for good, whoever else sleeps.
Result<void> RingReceiver::let_go_of_held() {
  auto mapping = TRY(view_->mapping().again());
  RingView* const fresh = RingView::create(std::move(mapping));
  const std::uint64_t position = reader_.position();
  if (fresh == nullptr) return std::unexpected(Error(Errc::resource_limit, "receive"));
  if (auto detached = view_->detach(freed_, lent_end_); !detached) {
    fresh->abandon(0, 0);
    return detached;
  }
  RingView* const old = view_;
  {
    const std::lock_guard lock(moving_);
    reader_.move_to(fresh->data());
    view_ = fresh;
  }
  old->abandon(freed_, position);
  freed_ = position;
  give_back();
  return {};
}

void RingReceiver::end() noexcept {
  if (settled_word_ == nullptr) return;
  freed_ = view_->first_held(freed_, reader_.position());
  try {
    if (freed_ == reader_.position() || view_->detach(freed_, lent_end_)) {
      settle();
      give_back();
    }
  } catch (const std::bad_alloc&) {  // for the text of an error
  }
  settled_word_ = nullptr;
}

// ---- Waiting

/// True when the peer turned out to be gone just now: what it sent last is in the ring.
bool RingReceiver::look_for_end() {
  ++looks_for_end_;
  if (gone_ || data_.hush() != os::Doorbell::State::gone) return false;
  gone_ = true;
  return true;
}

Result<void> RingReceiver::sleep(Deadline deadline) {
  const std::uint64_t position = reader_.position();
  const bool reliable = wants_data_.make();
  // A skip that came just now has to be given back before.
  if (front() != nullptr || reader_.broken() || reader_.position() != position) {
    wants_data_.drop();
    return {};
  }
  auto woken = data_.wait(reliable ? deadline : deadline.or_earlier(Deadline::in(short_sleep)));
  wants_data_.drop();
  look_for_end();
  if (!woken && woken.error().code() == Errc::timed_out && !reliable && !deadline.expired()) return {};
  return woken;
}

/// True as soon as there is something, false after a moment without.
bool RingReceiver::look_closely() noexcept {
  if (!waiter_.spins()) return false;
  ++counts_.spins;
  const std::uint64_t sent = sent_.load(std::memory_order_relaxed);
  const std::uint64_t received = counts_.messages - seen_at_last_wait_;
  const bool behind_a_streak = received >= streak;
  const bool has_sent = sent != sent_at_last_wait_;
  if (has_sent || received > 0) {  // else it is the same wait, going on
    const bool conversing = has_sent && !behind_a_streak;
    if (conversing != conversing_.load(std::memory_order_relaxed))
      conversing_.store(conversing, std::memory_order_relaxed);
  }
  if (has_sent) close_behind_ = 0;
  if (behind_a_streak || close_behind_ >= streak) {
    give_back();
    for (int i = 0; i < pauses_after_streak; ++i) os::cpu_pause();
  }
  sent_at_last_wait_ = sent;
  seen_at_last_wait_ = counts_.messages;
  for (int look = 0; look < eager_looks; ++look) {
    reader_.prefetch_next_line();
    if (reader_.ready()) {
      ++close_behind_;
      return true;
    }
  }
  give_back();
  for (int look = 0; look < looks_a_turn; ++look) {
    if (reader_.ready()) return true;
    os::cpu_pause();
  }
  close_behind_ = 0;
  return false;
}

/// Returns when another look at the ring makes sense.
Result<void> RingReceiver::wait(Deadline deadline) {
  if (deadline.is_now()) {
    give_back();
    if (const auto now = Clock::now(); now - looked_for_end_ >= end_interval) {
      looked_for_end_ = now;
      if (look_for_end()) return {};
    }
  } else {
    if (look_closely()) return {};
    give_back();
    if (wait_ == os::WaitMode::spin && ++turns_ % turns_between_looks == 0 && look_for_end()) return {};
  }
  if (holds_too_much()) TRY(let_go_of_held());
  blocks_.about_to_wait(reader_.position());
  return waiter_.pause([this](Deadline until) { return sleep(until); }, deadline);
}

/// The next record that is something, if it is there.
const shm::Record* RingReceiver::front() noexcept {
  const shm::Record* record = reader_.front();
  if (record == nullptr || record->kind != RecordKind::skip) return record;
  pop(*record);
  record = reader_.front();
  if (record == nullptr || record->kind != RecordKind::skip) return record;
  reader_.stop();  // a peer that only ever skips would keep us here
  return nullptr;
}

/// The next record.
Result<const shm::Record*> RingReceiver::await_record(Deadline deadline) {
  for (;;) {
    const bool no_more = gone_;  // read before the ring is: then what is not there will never be
    if (const shm::Record* const record = front()) {
      waiter_.progressed();
      if (record->kind != RecordKind::close) return record;
      if (assembly_.active) return violate("an end in the middle of a message");
      end_ = Errc::closed;  // the record stays: find_end() looks for it
      return end_error();
    }
    if (reader_.broken()) return violate("a record that cannot be one");
    if (no_more) {
      assembly_.active = false;
      end_ = Errc::peer_died;
      return end_error();
    }
    TRY(wait(deadline));
  }
}

bool RingReceiver::ready_or_wish() {
  if (end_ || front() != nullptr || reader_.broken()) return true;
  const std::uint64_t position = reader_.position();
  give_back();
  if (holds_too_much() && !let_go_of_held()) return true;
  blocks_.about_to_wait(reader_.position());
  look_for_end();
  if (gone_) return true;
  if (!wants_data_.make()) return true;  // rather too often than never
  return front() != nullptr || reader_.broken() || reader_.position() != position;
}

// ---- How it ended

Errc RingReceiver::find_end() {
  const std::lock_guard lock(moving_);
  const std::uint64_t begin = shm::Memory::load_acquire(given_back_);  // SYNC: record given back
  std::uint64_t unused = 0;
  shm::RingReader<> scan(view_->data(), view_->capacity(), &unused, begin);
  while (scan.position() - begin <= scan.capacity()) {
    const shm::Record* const record = scan.front();
    if (record == nullptr) return scan.broken() ? Errc::protocol_violation : Errc::peer_died;
    if (record->kind == RecordKind::close) return Errc::closed;
    scan.pop();
  }
  return Errc::protocol_violation;
}

}  // namespace tenon
