// `tenon recv`: prints what a sender sends, or hands each message to a command.
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/connection.hpp"
#include "common/exit_status.hpp"
#include "common/filter.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "common/printer.hpp"
#include "common/progress.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using tenon::Errc;
using tenon::Error;
using tenon::Result;

class RecvCommand final : public Command {
 public:
  void declare(CLI::App& app) override;
  Result<int> run() override;

 private:
  Result<void> receive(tenon::Channel& channel);
  Result<void> execute(tenon::ByteView message, std::uint64_t number);

  Connection connection_;
  Format format_ = Format::line;
  std::uint64_t count_ = UINT64_MAX;
  std::optional<std::chrono::nanoseconds> for_;
  std::string command_;
  bool keep_going_ = false;
  std::uint64_t failed_ = 0;  ///< commands
  Received received_;
  Output out_{standard_output, stop()};
};

void RecvCommand::declare(CLI::App& app) {
  connection_.declare(app);
  add_format(app, format_);
  add_number(app, "-n,--count", count_, 1, "End after N messages");
  add_duration(app, "--for", for_, "End after this long, e.g. 5s");
  auto* const exec =
      app.add_option("-x,--exec", command_, "Run this shell command for each message, on its input");
  exec->type_name("COMMAND");
  app.add_flag("-k,--keep-going", keep_going_, "Go on when a command of --exec fails")->needs(exec);
}

Result<void> RecvCommand::execute(tenon::ByteView message, std::uint64_t number) {
  const auto status = TRY(run_with_input(command_, message, number));
  if (status.success()) return {};
  ++failed_;
  say(fmt::format("message {}: the command {}", number, status.describe()));
  if (!keep_going_) return std::unexpected(Error(Errc::system_error, "run"));
  return {};
}

Result<void> RecvCommand::receive(tenon::Channel& channel) {
  const ReceiveLimits limits{count_, for_ ? tenon::Deadline::in(*for_) : tenon::Deadline::never(),
                             connection_.timeout};
  Progress progress(std::nullopt, command_.empty());
  const auto use = [&](tenon::ByteView message, std::uint64_t number) -> Result<void> {
    progress.update(number, received_.bytes);
    if (!command_.empty()) return execute(message, number);
    return print_message(out_, format_, message, number);
  };
  return receive_all(channel, limits, stop(), received_, use, [this] { return out_.flush(); });
}

Result<int> RecvCommand::run() {
  auto channel = TRY(connection_.open());
  auto result = receive(channel);
  if (result) result = channel.close(connection_.closing_deadline());
  if (connection_.verbose) {
    say(fmt::format("{} messages, {} bytes received: {}", received_.messages, received_.bytes,
                    describe_waiting(channel.statistics().received)));
  }
  if (const auto lost = channel.statistics().received.lost; lost > 0)
    say(fmt::format("{} messages were lost on the way (this transport is not lossless)", lost));
  const auto flushed = out_.flush();
  if (out_.broken())
    return exit_done;  // whoever read our output has seen enough, as in `tenon recv … | head`
  TRY(flushed);
  if (failed_ > 0 && !keep_going_) return exit_failure;
  if (!result && result.error().code() != Errc::closed) return std::unexpected(result.error());
  return failed_ == 0 ? exit_done : exit_failure;
}

}  // namespace

std::unique_ptr<Command> make_recv() {
  return std::make_unique<RecvCommand>();
}

}  // namespace tool
