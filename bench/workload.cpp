#include "bench/workload.hpp"

#include <algorithm>
#include <array>
#include <vector>

#include <fmt/format.h>

#include "base/try.hpp"
#include "bench/os/wait.hpp"
#include "bench/pattern.hpp"

namespace bench {
namespace {

using tenon::ByteView;
using tenon::Errc;
using tenon::Error;
using tenon::Result;

constexpr std::uint64_t least_trips = 8;
constexpr std::size_t most_in_batch = 64;
constexpr std::size_t batch_bytes = 512 * 1024;
constexpr std::int64_t settle_patience_ns = 1'000'000'000;
constexpr std::int64_t repeat_end_ns = 5'000'000;
constexpr std::int64_t end_patience_ns = 10'000'000'000;

Error broken(const std::string& what) {
  return {Errc::protocol_violation, "measure", "the messages", what};
}

/// From the first message that counts to the last.
class Account {
 public:
  Account(const Link& link, SideReport& report) : link_(link), report_(report) {}
  void begin() {
    calls_ = link_.calls();
    used_ = usage_now();
    report_.began_ns = now_ns();
  }
  void end(std::uint64_t messages) {
    report_.ended_ns = now_ns();
    report_.used = usage_now() - used_;
    report_.calls = link_.calls() - calls_;
    report_.messages = messages;
  }

 private:
  const Link& link_;
  SideReport& report_;
  Calls calls_;
  Usage used_;
};

/// One message, in the way of the workload.
Result<void> put(const Load& load, Link& link, std::vector<std::byte>& buffer, Head head) {
  if (load.workload == Workload::in_place) {
    fill_ends(TRY(link.loan(load.size)), head);
    return link.commit();
  }
  fill(buffer, head);
  return link.send(buffer);
}

/// Says that nothing more comes, and waits until the other side has it.
Result<void> send_last(const Load& load, Link& link, std::vector<std::byte>& buffer, Head head,
                       Exchange& exchange) {
  TRY(put(load, link, buffer, head));
  exchange.arrive();
  if (!link.lossy()) {
    if (exchange.wait_finished(end_patience_ns)) return {};
  } else {
    for (int tries = 0; tries < 400 && !exchange.wait_finished(repeat_end_ns); ++tries) {
      if (const auto sent = link.send(buffer); !sent) break;  // the other side has what it wants, and went
    }
    if (exchange.finished()) return {};
  }
  return std::unexpected(broken("the other side never had the last one"));
}

/// A message there and back, checked; timed from when it was due, if that is given. False: it was lost.
Result<bool> trip(Link& link, std::vector<std::byte>& buffer, Head head, std::uint32_t* sample,
                  std::int64_t due = 0) {
  fill(buffer, head);
  const std::int64_t started = due != 0 ? due : now_ns();
  TRY(link.send(buffer));
  for (;;) {
    const auto answer = link.receive();
    const std::int64_t ended = now_ns();
    if (!answer && answer.error().code() == Errc::timed_out && link.lossy()) return false;
    if (!answer) return std::unexpected(answer.error());
    const auto got = check(*answer);
    if (got && answer->size() == buffer.size() && *got == head) {
      if (sample != nullptr)
        *sample = static_cast<std::uint32_t>(std::min<std::int64_t>(ended - started, UINT32_MAX));
      return true;
    }
    const bool late = link.lossy() && got && got->number < head.number;
    if (!late) return std::unexpected(broken(fmt::format("answer {} is not what was sent", head.number)));
  }
}

Result<void> ask(const Load& load, Link& link, Exchange& exchange) {
  SideReport& report = exchange.side(0);
  std::vector<std::byte> buffer(load.size);
  std::uint64_t number = 0;
  const std::int64_t warm_until = now_ns() + load.warm_up.count();
  while (number < least_trips || now_ns() < warm_until) {
    static_cast<void>(TRY(trip(link, buffer, {number++, false, false}, nullptr)));
  }

  Account account(link, report);
  account.begin();
  const std::int64_t until = report.began_ns + load.measured.count();
  const std::int64_t interval = load.interval.count();
  std::int64_t due = report.began_ns;
  std::uint64_t taken = 0;
  std::uint64_t tried = 0;
  const auto samples = exchange.samples();
  while (taken < samples.size() && tried < samples.size() && (tried < least_trips || now_ns() < until)) {
    ++tried;
    if (interval > 0) {
      due = load.workload == Workload::wake_up ? now_ns() + interval : due + interval;
      wait_until(due);
    }
    const std::int64_t from = load.workload == Workload::paced ? due : 0;
    const bool there = TRY(trip(link, buffer, {number++, true, false}, &samples[taken], from));
    there ? ++taken : ++report.lost;
  }
  account.end(taken);
  report.samples = taken;
  return send_last(load, link, buffer, {number, false, true}, exchange);
}

Result<void> answer(Link& link, Exchange& exchange) {
  Account account(link, exchange.side(1));
  std::uint64_t counted = 0;
  for (;;) {
    const auto message = link.receive();
    if (!message && message.error().code() == Errc::timed_out && link.lossy()) continue;
    if (!message) return std::unexpected(message.error());
    const auto head = check(*message);
    if (!head) return std::unexpected(broken("one is not what was sent"));
    if (head->last) break;
    if (head->measured && counted++ == 0) account.begin();
    TRY(link.send(*message));
  }
  account.end(counted);
  exchange.finish();
  return exchange.wait_arrived(1);  // its send has returned, so that it sees nothing of our end
}

/// Sends messages one way, one by one or in batches.
class Producer {
 public:
  Producer(const Load& load, Link& link)
      : load_(load), link_(link), buffer_(load.workload == Workload::in_place ? 0 : load.size) {
    if (load.workload != Workload::batched) return;
    const std::size_t count = std::clamp<std::size_t>(batch_bytes / load.size, 2, most_in_batch);
    memory_.resize(count * load.size);
    for (std::size_t index = 0; index < count; ++index)
      views_.emplace_back(memory_.data() + index * load.size, load.size);
  }

  /// One step: how many messages went.
  Result<std::uint64_t> step(bool measured) {
    if (views_.empty()) {
      TRY(put(load_, link_, buffer_, {number_++, measured, false}));
      return 1;
    }
    for (std::size_t index = 0; index < views_.size(); ++index)
      fill({memory_.data() + index * load_.size, load_.size}, {number_++, measured, false});
    TRY(link_.send_many(views_));
    return views_.size();
  }

  std::uint64_t next_number() const noexcept { return number_; }
  std::vector<std::byte>& buffer() noexcept { return buffer_; }

 private:
  const Load& load_;
  Link& link_;
  std::uint64_t number_ = 0;
  std::vector<std::byte> buffer_;
  std::vector<std::byte> memory_;
  std::vector<ByteView> views_;
};

/// Sends for about as long as it should take. The clock is read now and then, between parts: how many messages a part
/// has follows from the rate so far.
Result<std::uint64_t> produce_for(const Load& load, Producer& producer, std::int64_t began, double rate,
                                  std::uint64_t most) {
  const auto whole = static_cast<double>(load.measured.count());
  std::uint64_t sent = 0;
  for (double elapsed = 0; sent < least_trips || (elapsed < whole && sent < most);) {
    const double part = std::max((whole - elapsed) / 4, whole / 32);
    const auto goal = std::min(sent + std::max(static_cast<std::uint64_t>(rate * part), least_trips), most);
    do {
      sent += TRY(producer.step(true));
    } while (sent < goal);
    elapsed = static_cast<double>(std::max<std::int64_t>(now_ns() - began, 1));
    rate = static_cast<double>(sent) / elapsed;
  }
  return sent;
}

/// Messages that do not count. Returns how many a nanosecond they were at the end.
Result<double> warm_up(const Load& load, Link& link, Producer& producer) {
  std::uint64_t settled = 0;
  const std::int64_t patience = now_ns() + settle_patience_ns;
  while (settled < link.settling() && now_ns() < patience) settled += TRY(producer.step(false));
  std::uint64_t warm = 0;
  const std::int64_t started = now_ns();
  std::int64_t elapsed = 0;
  while (warm < least_trips || elapsed < load.warm_up.count()) {
    warm += TRY(producer.step(false));
    elapsed = now_ns() - started;
  }
  return static_cast<double>(warm) / static_cast<double>(std::max<std::int64_t>(elapsed, 1));
}

Result<void> produce(const Load& load, Link& link, Exchange& exchange) {
  Producer producer(load, link);
  const double rate = TRY(warm_up(load, link, producer));
  const std::uint64_t most =
      load.workload == Workload::in_place ? UINT64_MAX : std::max(link.most_bytes() / load.size, least_trips);
  Account account(link, exchange.side(0));
  account.begin();
  const auto sent = TRY(produce_for(load, producer, exchange.side(0).began_ns, rate, most));
  account.end(sent + 1);
  return send_last(load, link, producer.buffer(), {producer.next_number(), true, true}, exchange);
}

/// Checks that messages come in order, and counts those that do.
class Consumer {
 public:
  Consumer(const Load& load, Link& link, SideReport& report)
      : load_(load), lossy_(link.lossy()), account_(link, report), report_(report) {}

  /// True after the last.
  Result<bool> take(ByteView message) {
    const auto head = load_.workload == Workload::in_place ? check_ends(message) : check(message);
    if (!head || message.size() != load_.size)
      return std::unexpected(broken(fmt::format("number {} is not what was sent", next_)));
    if (head->number != next_) {
      if (!lossy_ || head->number < next_)
        return std::unexpected(broken(fmt::format("number {} came where {} was next", head->number, next_)));
      if (counted_ > 0) report_.lost += head->number - next_;
    }
    next_ = head->number + 1;
    if (head->measured && counted_++ == 0) account_.begin();
    if (!head->last) return false;
    account_.end(counted_);
    return true;
  }

 private:
  const Load& load_;
  bool lossy_;
  std::uint64_t next_ = 0;
  std::uint64_t counted_ = 0;
  Account account_;
  SideReport& report_;
};

Result<void> consume(const Load& load, Link& link, Exchange& exchange) {
  Consumer consumer(load, link, exchange.side(1));
  std::array<ByteView, most_in_batch> views;
  const bool batched = load.workload == Workload::batched;
  for (bool over = false; !over;) {
    const auto got = link.receive_many(batched ? std::span(views) : std::span(views).first(1));
    if (!got && got.error().code() == Errc::timed_out && link.lossy()) continue;
    if (!got) return std::unexpected(got.error());
    // Behind the last one there may be its repetitions.
    for (std::size_t index = 0; index < *got && !over; ++index) over = TRY(consumer.take(views[index]));
  }
  exchange.finish();
  return exchange.wait_arrived(1);  // its send has returned, so that it sees nothing of our end
}

}  // namespace

const char* to_string(Workload workload) noexcept {
  static constexpr std::array names{"round-trip", "one-way", "batched", "in-place", "wake-up",
                                    "paced",      "fan-in",  "connect", "memory"};
  return names[static_cast<std::size_t>(workload)];
}

bool has_round_trips(Workload workload) noexcept {
  return workload == Workload::round_trip || workload == Workload::wake_up || workload == Workload::paced;
}

bool is_about_links(Workload workload) noexcept {
  return workload <= Workload::paced;
}

Result<void> work(const Load& load, unsigned side, Link& link, Exchange& exchange) {
  if (has_round_trips(load.workload)) return side == 0 ? ask(load, link, exchange) : answer(link, exchange);
  return side == 0 ? produce(load, link, exchange) : consume(load, link, exchange);
}

}  // namespace bench
