// `tenon advise`: names the mechanism for some messages, from what was measured and what each transport promises.
#include <algorithm>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/try.hpp"
#include "bench/advise.hpp"
#include "bench/pattern.hpp"
#include "bench/report_files.hpp"
#include "bench/run.hpp"
#include "command.hpp"
#include "common/bench_line.hpp"
#include "common/exit_status.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using tenon::Errc;
using tenon::Error;
using tenon::Result;
using tenon::Trait;
using namespace std::chrono_literals;

constexpr std::size_t most_measured = 64 << 20;
constexpr const char* waiting_names = "hybrid|block|spin";

/// Words for traits that are shorter than their names.
constexpr std::pair<const char*, Trait> short_names[] = {
    {"peer_death", Trait::reports_peer_death},
    {"unrelated", Trait::unrelated_processes},
    {"many", Trait::many_peers},
    {"restart", Trait::survives_restart},
    {"descriptors", Trait::carries_descriptors},
    {"credentials", Trait::peer_credentials},
    {"boundaries", Trait::message_boundaries},
    {"hostile", Trait::hostile_peer_safe},
};

std::optional<Trait> trait_of(std::string name) {
  std::ranges::replace(name, '-', '_');
  for (const auto& [word, trait] : short_names) {
    if (name == word) return trait;
  }
  return tenon::trait_named(name);
}

class AdviseCommand final : public Command {
 public:
  void declare(CLI::App& app) override;
  Result<int> run() override;

 private:
  Result<void> add_needs();
  Result<bench::SavedReport> report() const;

  bench::Wish wish_;
  std::string needs_;
  std::string hosts_ = "one";
  std::string from_;
  bool may_lose_ = false;
};

void AdviseCommand::declare(CLI::App& app) {
  add_size(app, "-s,--size", wish_.size, "Bytes of a message (64 unless given)");
  add_rate(app, "-r,--rate", wish_.rate, "Messages that have to get through: 100000, 100000/s");
  app.add_option("--need", needs_, "Traits (tenon schemes lists them): peer-death,unrelated,many,…")
      ->type_name("TRAITS");
  add_choice(app, "--hosts", hosts_, "one|two", "On one machine (the default), or on two");
  app.add_flag("--may-lose", may_lose_, "Messages may get lost");
  add_choice(app, "--wait", wish_.waiting, waiting_names, "How both sides wait (hybrid)");
  app.add_option("--from", from_, "What tenon bench --json wrote; otherwise it is measured now")
      ->type_name("FILE");
}

Result<void> AdviseCommand::add_needs() {
  if (may_lose_) wish_.needs.remove(Trait::lossless);
  if (hosts_ == "two") wish_.needs.add(Trait::crosses_hosts);
  std::string name;
  for (const char character : needs_ + ",") {
    if (character != ',') {
      name.push_back(character);
      continue;
    }
    const auto trait = trait_of(name);
    if (trait) wish_.needs.add(*trait);
    if (!trait && !needs_.empty()) {
      std::string known;
      for (const Trait one : tenon::all_traits())
        known += fmt::format("{}{}", known.empty() ? "" : ", ", tenon::to_string(one));
      return std::unexpected(Error(Errc::invalid_argument, "--need", name, "there are " + known));
    }
    name.clear();
  }
  return {};
}

Result<bench::SavedReport> AdviseCommand::report() const {
  if (!from_.empty()) return read_report_file(from_);
  bench::Plan plan;
  plan.mode = "advise";
  plan.rows = bench::all_rows();
  std::erase_if(plan.rows, [](const bench::Row& row) { return !row.peer.empty(); });
  plan.sizes = {std::max<std::size_t>(wish_.size, bench::least_size)};
  plan.workloads = {bench::Workload::round_trip, bench::Workload::one_way, bench::Workload::batched};
  for (const auto waiting : {bench::Waiting::spin, bench::Waiting::hybrid, bench::Waiting::block}) {
    if (wish_.waiting == to_string(waiting)) plan.waitings = {waiting};
  }
  plan.floors = false;
  plan.peers = false;
  BenchLine line;
  const auto placement = TRY(bench::Placement::parse(""));
  const auto measured = TRY(bench::run(
      plan, placement, stop(), [&](auto done, auto total, auto left) { line.show(done, total, left); }));
  if (measured.interrupted) return std::unexpected(Error(Errc::cancelled, "advise"));
  return bench::read_report(bench::json_of(measured), "what was measured");
}

Result<int> AdviseCommand::run() {
  if (const auto added = add_needs(); !added) {
    say(added.error().message());
    return exit_usage;
  }
  if (wish_.size > most_measured && from_.empty()) {
    say(fmt::format("--size {} is more than is measured here: at most 64 MiB", wish_.size));
    return exit_usage;
  }
  const auto advice = TRY(bench::advise(TRY(report()), tenon::transports(), wish_));
  Output out(standard_output, stop());
  out.buffer() += bench::text_of(advice, wish_);
  const auto printed = out.flush();
  if (!printed && !out.broken()) return std::unexpected(printed.error());
  return advice.fit.empty() ? exit_failure : exit_done;
}

}  // namespace

std::unique_ptr<Command> make_advise() {
  return std::make_unique<AdviseCommand>();
}

}  // namespace tool
