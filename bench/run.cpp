#include "bench/run.hpp"

#include <algorithm>
#include <array>
#include <optional>
#include <span>

#include <fmt/format.h>

#include "base/try.hpp"
#include "bench/channel_link.hpp"
#include "bench/channel_loads.hpp"
#include "bench/os/clock.hpp"
#include "bench/os/processes.hpp"
#include "bench/os/scratch.hpp"
#include "bench/peers/peer.hpp"

namespace bench {
namespace {

using tenon::Result;
using namespace std::chrono_literals;

constexpr auto limit = 10s;  // beyond what is to be measured
constexpr auto pause = 1ms;

SideCost cost_of(const SideReport& side) {
  const double messages = static_cast<double>(std::max<std::uint64_t>(side.messages, 1));
  const auto each = [&](auto amount) { return static_cast<double>(amount) / messages; };
  return {each(side.used.cpu_ns),  each(side.used.sleeps),   each(side.used.preemptions),
          each(side.calls.moving), each(side.calls.waiting), side.calls_known};
}

/// One run's means, and the measurements made with them.
class Bench {
 public:
  Bench(const Placement& placement, Exchange exchange)
      : placement_(placement), exchange_(std::move(exchange)) {}
  Bench(const Bench&) = delete;
  Bench& operator=(const Bench&) = delete;
  ~Bench() { stop_peers(); }

  Result<void> open() {
    scratch_.emplace(TRY(Scratch::create(exchange_)));
    return {};
  }
  const std::string& folder() const { return scratch_->folder(); }

  Result<Repetition> measure(const Row& row, bool floor, const Load& load, Waiting waiting) {
    if (load.workload == Workload::memory) return measure_memory(row, load, waiting);
    Setting setting = make_setting(load.size, waiting);
    setting.in_place = load.workload == Workload::in_place;
    if (!is_about_links(load.workload))
      return measure_channels(address_for(row.scheme, row.options, setting), load, waiting);
    const auto meeting = TRY(prepare(row, floor, setting));
    return run_pair(*meeting, load);
  }

 private:
  Result<Repetition> run_pair(Meeting& meeting, const Load& load) {
    const auto side = [&](unsigned number) {
      return [&, number]() -> Result<void> {
        const auto link = TRY(meeting.join(number, exchange_));
        return work(load, number, *link, exchange_);
      };
    };
    return carry_out(std::array<Side, 2>{side(0), side(1)}, load);
  }

  Result<Repetition> measure_channels(const std::string& address, const Load& load, Waiting waiting) {
    std::vector<Side> sides;
    for (unsigned number = 0; number < sides_of(load.workload); ++number)
      sides.emplace_back([&, number] { return work_on_channels(load, number, address, waiting, exchange_); });
    return carry_out(sides, load);
  }

  Result<Repetition> measure_memory(const Row& row, const Load& load, Waiting waiting) {
    std::vector<MeetingPtr> meetings;
    std::vector<Exchange> exchanges;
    for (std::size_t index = 0; index < memory_channels; ++index) {
      meetings.push_back(TRY(prepare(row, false, make_setting(load.size, waiting))));
      exchanges.push_back(TRY(Exchange::create()));
    }
    const auto side = [&](unsigned number) {
      return [&, number] { return work_on_memory(meetings, exchanges, number, load.size, exchange_); };
    };
    auto result = carry_out(std::array<Side, 2>{side(0), side(1)}, load);
    if (!result) std::ranges::for_each(exchanges, remove_leftovers);
    return result;
  }

  Setting make_setting(std::size_t size, Waiting waiting) {
    return {size, waiting, placement_.one_cpu(), false, scratch_->folder(), unique_++};
  }

  Result<Repetition> carry_out(std::span<const Side> works, const Load& load) {
    std::vector<Side> sides;
    for (unsigned number = 0; number < works.size(); ++number) {
      sides.emplace_back([&, number] {
        if (number < 2 && !placement_.one_cpu()) exchange_.measure_flag(number);
        return works[number]();
      });
    }
    const auto ended = run_sides(sides, placement_, exchange_, limit + load.warm_up + load.measured);
    auto repetition = ended ? Result<Repetition>(collect(load)) : std::unexpected(ended.error());
    if (!ended) remove_leftovers(exchange_);
    exchange_.reset();
    return repetition;
  }

  Repetition collect(const Load& load) {
    const SideReport& sender = exchange_.side(0);
    const SideReport& receiver = exchange_.side(1);
    Repetition repetition;
    repetition.sender = cost_of(sender);
    repetition.receiver = cost_of(receiver);
    repetition.flag_ns = sender.flag_ns;
    if (load.workload == Workload::memory) {
      repetition.memory = static_cast<double>(sender.messages + receiver.messages);
      repetition.messages = memory_channels;
      return repetition;
    }
    const bool trips = has_round_trips(load.workload);
    const SideReport& counting = trips || load.workload == Workload::connect ? sender : receiver;
    const std::int64_t began = load.workload == Workload::fan_in ? receiver.began_ns : sender.began_ns;
    repetition.messages = counting.messages;
    repetition.lost = counting.lost;
    const auto lasted = static_cast<double>(std::max<std::int64_t>(counting.ended_ns - began, 1));
    repetition.per_second = static_cast<double>(counting.messages) * 1e9 / lasted;
    if (trips) repetition.samples = Samples(exchange_.samples().first(sender.samples));
    return repetition;
  }

  const Placement& placement_;
  Exchange exchange_;
  std::optional<Scratch> scratch_;
  std::uint64_t unique_ = 0;
};

/// Every cell of the plan, empty, in the order in which they are measured: a row, then its floor.
std::vector<Cell> cells_of(const Plan& plan) {
  std::vector<Cell> cells;
  for (const auto waiting : plan.waitings) {
    for (const auto workload : plan.workloads) {
      const bool one_size = !is_about_links(workload) || workload == Workload::wake_up;
      for (const auto size : std::span(plan.sizes).first(one_size ? 1 : plan.sizes.size())) {
        for (const Row& row : plan.rows) {
          if (!row.peer.empty() && !is_about_links(workload)) continue;
          if (workload == Workload::in_place && !row.traits.has(tenon::Trait::zero_copy)) continue;
          for (const bool floor : {false, true}) {
            if (floor && (!plan.floors || !row.peer.empty() || workload == Workload::batched ||
                          !is_about_links(workload)))
              continue;
            Cell cell;
            cell.row = row.name;
            cell.scheme = row.scheme;
            cell.floor = floor;
            cell.workload = workload;
            cell.size = size;
            cell.waiting = waiting;
            cell.absent = obstacle(row, floor, workload, size);
            cells.push_back(std::move(cell));
          }
        }
      }
    }
  }
  return cells;
}

const Row& row_named(const Plan& plan, const std::string& name) {
  return *std::ranges::find(plan.rows, name, &Row::name);
}

Load load_of(const Plan& plan, const Cell& cell) {
  Load load{cell.workload, cell.size, plan.warm_up, plan.measured, {}};
  if (cell.workload == Workload::wake_up) load.interval = pause;
  if (cell.workload == Workload::paced)
    load.interval = std::chrono::nanoseconds(static_cast<std::int64_t>(1e9 / plan.rate));
  return load;
}

/// Tells how far it is.
class Clerk {
 public:
  Clerk(const Progress& progress, std::uint64_t total, std::chrono::nanoseconds budget)
      : progress_(progress), total_(total), budget_(budget) {}
  void one_more() {
    ++done_;
    if (!progress_) return;
    const auto elapsed = static_cast<double>(now_ns() - started_);
    double left =
        elapsed / static_cast<double>(done_) * static_cast<double>(total_ - std::min(done_, total_));
    if (budget_.count() > 0)
      left = std::min(left, std::max(static_cast<double>(budget_.count()) - elapsed, 0.0));
    progress_(done_, total_, std::chrono::nanoseconds(static_cast<std::int64_t>(left)));
  }

 private:
  const Progress& progress_;
  std::uint64_t total_;
  std::chrono::nanoseconds budget_;
  std::uint64_t done_ = 0;
  std::int64_t started_ = now_ns();
};

}  // namespace

Result<Report> run(const Plan& plan, const Placement& placement, const tenon::Canceller& stop,
                   const Progress& progress) {
  Report report;
  report.mode = plan.mode;
  report.started = utc_now();
  report.placement = placement.describe();
  report.placement_name = placement.name();
  report.warm_up = plan.warm_up;
  report.measured = plan.measured;
  report.planned = plan.repetitions;
  report.rate = plan.rate;
  for (const Row& row : plan.rows) {
    if (!row.peer.empty()) report.peers[row.name] = row.peer;
  }
  if (plan.peers) report.missing_peers = missing_peers();
  report.cells = cells_of(plan);
  const std::int64_t started = now_ns();
  const NoiseMeter meter;
  Bench bench(placement, TRY(Exchange::create()));
  TRY(bench.open());
  report.machine = read_machine(bench.folder());
  const auto possible = static_cast<std::uint64_t>(
      std::ranges::count(report.cells, true, [](const Cell& cell) { return cell.absent.empty(); }));
  Clerk clerk(progress, possible * plan.repetitions, plan.budget);
  const auto time_left = [&] {  // for one more repetition like those before
    const std::int64_t elapsed = now_ns() - started;
    const auto done = static_cast<std::int64_t>(report.repetitions);
    return plan.budget.count() == 0 || done == 0 || elapsed / done * (done + 1) <= plan.budget.count();
  };
  for (; report.repetitions < plan.repetitions && !stop.cancelled() && time_left(); ++report.repetitions) {
    for (Cell& cell : report.cells) {
      if (stop.cancelled()) break;
      if (!cell.absent.empty()) continue;
      auto result = bench.measure(row_named(plan, cell.row), cell.floor, load_of(plan, cell), cell.waiting);
      clerk.one_more();
      if (result) {
        if (result->flag_ns > 0) report.flag_ns.push_back(result->flag_ns);
        cell.repetitions.push_back(std::move(*result));
      } else {
        cell.absent = result.error().message();
        cell.failed = row_named(plan, cell.row).peer.empty();  // others' failures are said, but are not ours
      }
    }
  }
  report.interrupted = stop.cancelled();
  report.noise = meter.read();
  report.seconds = static_cast<double>(now_ns() - started) / 1e9;
  return report;
}

}  // namespace bench
