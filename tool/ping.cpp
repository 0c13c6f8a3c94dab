// `tenon ping`: round trips to a `tenon pong`, each timed and checked byte by byte.
#include <chrono>
#include <cstring>
#include <numeric>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <tenon/units.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/connection.hpp"
#include "common/exit_status.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "common/pace.hpp"
#include "common/quantiles.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using tenon::Errc;
using tenon::Error;
using tenon::Result;
using Clock = std::chrono::steady_clock;

struct Quantile {
  const char* name;
  double value;
};

constexpr Quantile quantiles[] = {{"min", 0},    {"p50", 0.5},     {"p90", 0.9},
                                  {"p99", 0.99}, {"p99.9", 0.999}, {"max", 1}};

/// Bytes that differ from message to message and from place to place: a repeated, shifted or torn answer is
/// seen.
void fill(tenon::ByteSpan bytes, std::uint64_t number) {
  std::uint64_t state = number * 0x9E3779B97F4A7C15U + 1;
  std::size_t at = 0;
  while (at < bytes.size()) {
    state ^= state << 13;  // xorshift64 (Marsaglia, 2003)
    state ^= state >> 7;
    state ^= state << 17;
    const std::size_t step = std::min(sizeof state, bytes.size() - at);
    std::memcpy(bytes.data() + at, &state, step);
    at += step;
  }
}

std::string microseconds(std::int64_t nanoseconds) {
  return fmt::format("{:.1f} us", static_cast<double>(nanoseconds) / 1000);
}

class PingCommand final : public Command {
 public:
  void declare(CLI::App& app) override;
  Result<int> run() override;

 private:
  Result<void> round_trip(tenon::Channel& channel, std::uint64_t number, bool warm);
  Result<void> measure(tenon::Channel& channel);
  Result<void> print(Output& out);
  void print_text(std::string& text) const;
  void print_json(std::string& text) const;
  /// Of payload in one direction; 0 without samples.
  double per_second(double amount) const;

  Connection connection_;
  std::uint64_t count_ = 1000;
  std::uint64_t warmup_ = 100;
  std::uint64_t size_ = 64;
  std::optional<double> rate_;
  bool json_ = false;
  bool samples_wanted_ = false;
  std::vector<std::byte> question_;
  std::vector<std::byte> answer_;
  std::vector<std::int64_t> samples_;
  std::vector<std::int64_t> sorted_;
};

void PingCommand::declare(CLI::App& app) {
  connection_.declare(app);
  add_number(app, "-n,--count", count_, 1, "Round trips to measure (1000 unless given)");
  add_size(app, "-s,--size", size_, "Bytes of a message (64 unless given): 4K, 1M");
  add_number(app, "--warmup", warmup_, 0, "Round trips before, which do not count (100 unless given)");
  add_rate(app, "-r,--rate", rate_, "At most so many round trips a second: 100, 100/s, 30/m");
  auto* const json = app.add_flag("--json", json_, "Print one JSON object; times in nanoseconds");
  app.add_flag("--samples", samples_wanted_, "With --json: every round trip, in the order measured")
      ->needs(json);
}

Result<void> PingCommand::round_trip(tenon::Channel& channel, std::uint64_t number, bool warm) {
  fill(question_, number);
  const auto started = Clock::now();
  TRY(channel.send(question_, connection_.deadline()));
  const auto got = channel.receive(answer_, connection_.deadline());
  const auto ended = Clock::now();
  const bool too_long = !got && got.error().code() == Errc::buffer_too_small;
  if (!got && !too_long) return std::unexpected(got.error());
  if (too_long || *got != question_.size() || question_ != answer_) {
    return std::unexpected(
        Error(Errc::protocol_violation, "ping", connection_.address,
              fmt::format("answer {} is not what was sent; is the other end tenon pong?", number)));
  }
  if (!warm)
    samples_.push_back(std::chrono::duration_cast<std::chrono::nanoseconds>(ended - started).count());
  return {};
}

Result<void> PingCommand::measure(tenon::Channel& channel) {
  Pace pace(rate_);
  for (std::uint64_t number = 0; number < warmup_ + count_; ++number) {
    if (stop().cancelled()) return std::unexpected(Error(Errc::cancelled, "ping"));
    TRY(pace.wait(stop()));
    TRY(round_trip(channel, number, number < warmup_));
  }
  return {};
}

double PingCommand::per_second(double amount) const {
  const auto nanoseconds = std::accumulate(samples_.begin(), samples_.end(), std::int64_t{0});
  return nanoseconds > 0 ? amount * 1e9 / static_cast<double>(nanoseconds) : 0;
}

void PingCommand::print_text(std::string& text) const {
  const auto count = static_cast<double>(samples_.size());
  text += fmt::format("{} round trips of {} bytes over {}, every byte checked\n", samples_.size(), size_,
                      connection_.address);
  text += "round trip ";
  for (const auto& [name, value] : quantiles)
    text += fmt::format("  {} {}", name, microseconds(quantile_of(sorted_, value)));
  text += fmt::format("\nthroughput   {:.0f} round trips/s, {:.1f} MB/s each way\n", per_second(count),
                      per_second(count * static_cast<double>(size_)) / 1e6);
}

void PingCommand::print_json(std::string& text) const {
  const auto count = static_cast<double>(samples_.size());
  nlohmann::ordered_json report{
      {"address", connection_.address}, {"count", samples_.size()}, {"size", size_}};
  for (const auto& [name, value] : quantiles) report["round_trip_ns"][name] = quantile_of(sorted_, value);
  report["round_trips_per_second"] = per_second(count);
  report["bytes_per_second_each_way"] = per_second(count * static_cast<double>(size_));
  if (samples_wanted_) report["samples_ns"] = samples_;
  text += report.dump() + "\n";
}

Result<void> PingCommand::print(Output& out) {
  if (samples_.empty()) return {};
  sorted_ = samples_;
  std::sort(sorted_.begin(), sorted_.end());
  json_ ? print_json(out.buffer()) : print_text(out.buffer());
  return out.flush();
}

Result<int> PingCommand::run() {
  auto channel = TRY(connection_.open());
  const auto maximum = channel.traits().max_message_size;
  if (size_ > maximum) {
    return std::unexpected(Error(Errc::message_too_large, "ping", connection_.address,
                                 fmt::format("--size {} is beyond the {} that a message may have here",
                                             tenon::format_size(size_), tenon::format_size(maximum))));
  }
  question_.resize(size_);
  answer_.resize(size_);
  samples_.reserve(count_);
  auto result = measure(channel);
  if (!result && result.error().code() == Errc::closed) {
    result = std::unexpected(
        result.error().with("ping", connection_.address,
                            fmt::format("the other end closed after {} round trips", samples_.size())));
  }
  (void)channel.close(connection_.closing_deadline());  // all that we sent was answered
  Output out(standard_output, stop());
  const auto printed = print(out);
  TRY(result);
  if (!printed && !out.broken()) return std::unexpected(printed.error());
  return exit_done;
}

}  // namespace

std::unique_ptr<Command> make_ping() {
  return std::make_unique<PingCommand>();
}

}  // namespace tool
