// `tenon bench`: which mechanism, for my messages, on my machine. The engine is in bench/.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <tenon/units.hpp>

#include "base/try.hpp"
#include "bench/compare.hpp"
#include "bench/html/overview.hpp"
#include "bench/html/page.hpp"
#include "bench/pattern.hpp"
#include "bench/peers/peer.hpp"
#include "bench/report_files.hpp"
#include "bench/report_text.hpp"
#include "bench/run.hpp"
#include "command.hpp"
#include "common/bench_line.hpp"
#include "common/exit_status.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "common/suggest.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using tenon::Errc;
using tenon::Error;
using tenon::Result;
using namespace std::chrono_literals;

constexpr const char* waiting_names = "spin|hybrid|block|all";
constexpr std::uint64_t largest_size = 1 << 30;

std::unexpected<Error> wrong(const char* option, const std::string& text, const std::string& advice) {
  return std::unexpected(Error(Errc::invalid_argument, option, text, advice));
}

/// The pieces of a list between commas.
std::vector<std::string> pieces(std::string_view text) {
  std::vector<std::string> parts(1);
  for (const char character : text) {
    if (character == ',') {
      parts.emplace_back();
    } else {
      parts.back().push_back(character);
    }
  }
  return parts;
}

class BenchCommand final : public Command {
 public:
  void declare(CLI::App& app) override;
  Result<int> run() override;

 private:
  Result<bench::Plan> plan() const;
  Result<void> choose_rows(bench::Plan& plan) const;
  Result<void> choose_sizes(bench::Plan& plan) const;
  Result<void> choose_workloads(bench::Plan& plan) const;
  Result<void> write_pictures(const bench::Report& report) const;
  Result<int> print(const bench::Report& report);
  Result<int> compare();

  std::vector<std::string> action_;
  double threshold_ = 0.1;
  bool quick_ = false;
  bool full_ = false;
  std::string rows_;
  std::string sizes_;
  std::string workloads_;
  std::optional<double> rate_;
  std::string waiting_;
  std::string pin_;
  std::uint64_t repetitions_ = 0;
  std::optional<std::chrono::nanoseconds> time_;
  bool no_floors_ = false;
  std::string html_;
  std::string svg_;
  tenon::os::Fd page_;  ///< opened before anything is measured, like the next
  tenon::os::Fd picture_;
  bool json_ = false;
  bool csv_ = false;
};

void BenchCommand::declare(CLI::App& app) {
  app.add_option("ACTION", action_, "Nothing to measure; compare A.json B.json to see what has changed")
      ->type_name("");
  app.add_option("--threshold", threshold_, "compare: how much is a change (0.1: 10%)")
      ->type_name("SHARE")
      ->check(CLI::Range(0.0, 100.0));
  auto* const length = app.add_option_group("length");
  length->add_flag("--quick", quick_, "Under a minute (the default)");
  length->add_flag("--full", full_, "Every way of waiting, and longer: some ten minutes");
  length->require_option(0, 1);
  app.add_option("--rows", rows_, "Only these, by name: shm,unix,'unix seqpacket'")->type_name("NAMES");
  app.add_option("--sizes", sizes_, "Bytes of the messages (64,1K,64K,1M unless given)")->type_name("SIZES");
  app.add_option("--workloads", workloads_,
                 "Of round-trip, one-way, batched, in-place, wake-up, fan-in, connect, memory")
      ->type_name("NAMES");
  add_choice(app, "--wait", waiting_, waiting_names, "How both sides wait (hybrid; --full: all)");
  app.add_option("--pin", pin_,
                 "same-core, two-cores, none, or two CPUs as 0,1 (two-cores where there are two)")
      ->type_name("WHERE");
  add_rate(app, "--rate", rate_,
           "Round trips at this rate instead (workload paced), timed from when each was due");
  add_number(app, "--repetitions", repetitions_, 1, "How often everything is measured, in turn (5)");
  add_duration(app, "--time", time_, "How long one measurement takes (15ms; --full: 100ms)");
  app.add_flag("--no-floors", no_floors_, "Without the bare mechanisms");
  auto* const form = app.add_option_group("form");
  form->add_flag("--json", json_, "Print one JSON object");
  app.add_option("--html", html_, "Write a page with charts to this file, too")->type_name("FILE");
  app.add_option("--svg", svg_, "Write a picture of round trips and rates to this file, too")
      ->type_name("FILE");
  form->add_flag("--csv", csv_, "Print a line for each measurement");
  form->require_option(0, 1);
}

Result<void> BenchCommand::choose_rows(bench::Plan& plan) const {
  const auto all = bench::all_rows();
  if (rows_.empty()) {
    plan.rows = all;
    return {};
  }
  std::vector<std::string_view> names;
  for (const auto& row : all) names.emplace_back(row.name);
  for (const auto& name : pieces(rows_)) {
    const auto found = std::ranges::find(all, name, &bench::Row::name);
    if (found != all.end()) {
      plan.rows.push_back(*found);
      continue;
    }
    const auto close = suggestion(name, names);
    const auto missing = bench::missing_peers();
    return wrong(
        "--rows", name,
        fmt::format("there is no such row{}; there are {}{}",
                    close.empty() ? "" : fmt::format(" (did you mean {}?)", close), fmt::join(names, ", "),
                    missing.empty() ? "" : fmt::format("; not installed: {}", fmt::join(missing, "; "))));
  }
  return {};
}

Result<void> BenchCommand::choose_sizes(bench::Plan& plan) const {
  if (sizes_.empty()) return {};
  plan.sizes.clear();
  for (const auto& text : pieces(sizes_)) {
    const auto size = tenon::parse_size(text);
    if (!size) return wrong("--sizes", text, std::string(size.error().advice()));
    if (*size < bench::least_size || *size > largest_size) {
      return wrong("--sizes", text,
                   fmt::format("messages have {} to {} here, since each carries a number",
                               tenon::format_size(bench::least_size), tenon::format_size(largest_size)));
    }
    plan.sizes.push_back(*size);
  }
  return {};
}

Result<void> BenchCommand::choose_workloads(bench::Plan& plan) const {
  if (workloads_.empty() && rate_) plan.workloads = {bench::Workload::paced};
  if (workloads_.empty()) return {};
  auto all = std::exchange(plan.workloads, {});
  if (rate_) all.push_back(bench::Workload::paced);
  std::vector<std::string> names;
  for (const auto workload : all) names.emplace_back(to_string(workload));
  for (const auto& name : pieces(workloads_)) {
    const auto found = std::ranges::find(names, name);
    if (found == names.end()) {
      return wrong(
          "--workloads", name,
          fmt::format("there are {}{}", fmt::join(names, ", "), rate_ ? "" : "; and with --rate paced"));
    }
    plan.workloads.push_back(all[static_cast<std::size_t>(found - names.begin())]);
  }
  return {};
}

Result<bench::Plan> BenchCommand::plan() const {
  bench::Plan plan;
  const bool custom =
      rate_ || !rows_.empty() || !sizes_.empty() || !workloads_.empty() || time_ || repetitions_ > 0;
  plan.mode = custom ? "custom" : full_ ? "full" : "quick";
  if (plan.mode == "quick") plan.budget = 57s;
  if (full_) {
    plan.waitings = {bench::Waiting::hybrid, bench::Waiting::block, bench::Waiting::spin};
    plan.warm_up = 20ms;
    plan.measured = 100ms;
  }
  TRY(choose_rows(plan));
  TRY(choose_sizes(plan));
  TRY(choose_workloads(plan));
  if (waiting_ == "all")
    plan.waitings = {bench::Waiting::hybrid, bench::Waiting::block, bench::Waiting::spin};
  for (const auto waiting : {bench::Waiting::spin, bench::Waiting::hybrid, bench::Waiting::block}) {
    if (waiting_ == to_string(waiting)) plan.waitings = {waiting};
  }
  if (repetitions_ > 0) plan.repetitions = repetitions_;
  if (time_) {
    plan.measured = std::clamp<std::chrono::nanoseconds>(*time_, 100us, 60s);
    plan.warm_up = plan.measured / 5;
  }
  const auto draws = [](bench::Workload one) {
    return one == bench::Workload::round_trip || one == bench::Workload::one_way;
  };
  if (!svg_.empty() && std::ranges::none_of(plan.workloads, draws))
    return wrong("--svg", svg_, "it shows the workloads round-trip and one-way: measure one of them");
  plan.rate = rate_.value_or(0);
  plan.floors = !no_floors_;
  plan.peers = rows_.empty();
  return plan;
}

Result<void> BenchCommand::write_pictures(const bench::Report& report) const {
  const auto fresh = TRY(tenon::Canceller::create());
  const auto saved = TRY(bench::read_report(bench::json_of(report), "report"));
  if (page_)
    TRY(write_output(page_.get(), tenon::bytes_of(bench::page_of(saved, tenon::transports())), fresh));
  if (!picture_) return {};
  if (!bench::has_overview(saved)) say("--svg " + svg_ + ": nothing that it shows was finished");
  return write_output(picture_.get(), tenon::bytes_of(bench::overview_of(saved)), fresh);
}

Result<int> BenchCommand::print(const bench::Report& report) {
  if (page_ || picture_) TRY(write_pictures(report));
  const auto fresh = TRY(tenon::Canceller::create());  // what is finished is printed after Ctrl-C too
  Output out(standard_output, fresh);
  out.buffer() += json_ ? bench::json_of(report) : csv_ ? bench::csv_of(report) : bench::text_of(report);
  const auto printed = out.flush();
  if (!printed && !out.broken()) return std::unexpected(printed.error());
  if (report.interrupted) return exit_signal + stopping_signal();
  return std::ranges::any_of(report.cells, &bench::Cell::failed) ? exit_failure : exit_done;
}

Result<int> BenchCommand::compare() {
  const auto before = TRY(read_report_file(action_[1]));
  const auto after = TRY(read_report_file(action_[2]));
  const auto found = bench::compare(before, after, threshold_);
  Output out(standard_output, stop());
  out.buffer() += bench::text_of(found, threshold_);
  const auto printed = out.flush();
  if (!printed && !out.broken()) return std::unexpected(printed.error());
  return found.worse.empty() ? exit_done : exit_failure;
}

Result<int> BenchCommand::run() {
  if (!action_.empty()) {
    if (action_.size() == 3 && action_.front() == "compare") return compare();
    say(fmt::format("'{}' is nothing that it does: tenon bench compare A.json B.json",
                    fmt::join(action_, " ")));
    return exit_usage;
  }
  const auto plan = this->plan();
  if (!plan) {
    say(plan.error().message());
    return exit_usage;
  }
  const auto placement = bench::Placement::parse(pin_);
  if (!placement) {
    say(placement.error().message());
    return exit_usage;
  }
  if (!html_.empty()) page_ = TRY(open_output(html_));
  if (!svg_.empty()) picture_ = TRY(open_output(svg_));
  const auto report = [&] {
    BenchLine line;
    return bench::run(*plan, *placement, stop(),
                      [&](auto done, auto total, auto left) { line.show(done, total, left); });
  }();
  if (!report) return std::unexpected(report.error());
  return print(*report);
}

}  // namespace

std::unique_ptr<Command> make_bench() {
  return std::make_unique<BenchCommand>();
}

}  // namespace tool
