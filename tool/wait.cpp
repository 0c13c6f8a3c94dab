// `tenon wait`: waits for notifications and prints what came.
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <tenon/address.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/event.hpp"
#include "common/exit_status.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using tenon::Notification;
using tenon::Result;

std::string as_line(const Notification& taken) {
  std::string line = taken.count == 1 ? "1 notification" : fmt::format("{} notifications", taken.count);
  if (taken.value) line += fmt::format(", {}value {}", taken.count == 1 ? "" : "last ", *taken.value);
  if (taken.sender_pid) line += fmt::format(", from process {}", *taken.sender_pid);
  return line + "\n";
}

std::string as_json(const Notification& taken) {
  nlohmann::ordered_json item{{"count", taken.count}};
  if (taken.value) item["value"] = *taken.value;
  if (taken.sender_pid) item["sender_pid"] = *taken.sender_pid;
  return item.dump() + "\n";
}

class WaitCommand final : public Command {
 public:
  void declare(CLI::App& app) override {
    place_.declare(app);
    add_duration(app, "--for", for_, "Give up after this long, e.g. 5s, with status 3");
    add_number(app, "-n,--count", count_, 1, "End after N notifications (one unless given)");
    app.add_flag("--json", json_, "Print JSON, a line for each time that something came");
  }

  Result<int> run() override {
    if (place_.address.starts_with("signal:") && TRY(tenon::Address::parse(place_.address)).place() != "") {
      return std::unexpected(tenon::Error(tenon::Errc::invalid_argument, "wait", place_.address,
                                          "a process waits for its own signals: write signal:"));
    }
    auto event = TRY(place_.open());
    const auto deadline = deadline_in(for_);
    say_how_to_notify(event);
    Output out(standard_output, stop());
    for (std::uint64_t total = 0; total < count_;) {
      const auto taken = TRY(event.wait(deadline));
      total += taken.count;
      TRY(out.write(json_ ? as_json(taken) : as_line(taken)));
      const auto flushed = out.flush();
      if (out.broken()) return exit_done;
      TRY(flushed);
    }
    return exit_done;
  }

 private:
  /// Nobody can know our pid beforehand; and whoever reads this line may notify at once.
  static void say_how_to_notify(const tenon::Event& event) {
    const auto address = tenon::Address::parse(event.address());
    if (!address || address->scheme() != "signal") return;
    auto theirs = tenon::Address::parse(fmt::format("signal:{}", process_id())).value();
    if (const auto number = address->option("number")) theirs = theirs.with("number", std::string(*number));
    say(fmt::format("tenon notify '{}' notifies this process", theirs.to_string()));
  }

  EventPlace place_;
  std::optional<std::chrono::nanoseconds> for_;
  std::uint64_t count_ = 1;
  bool json_ = false;
};

}  // namespace

std::unique_ptr<Command> make_wait() {
  return std::make_unique<WaitCommand>();
}

}  // namespace tool
