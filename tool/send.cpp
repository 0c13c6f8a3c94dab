// `tenon send`: messages from the command line, files or standard input, to a receiver.
//
// What the receiver sends back is received and thrown away, by a thread of its own (drain.hpp).
#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/connection.hpp"
#include "common/drain.hpp"
#include "common/exit_status.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "common/progress.hpp"
#include "common/sender.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using tenon::Errc;
using tenon::Error;
using tenon::Result;

class SendCommand final : public Command {
 public:
  void declare(CLI::App& app) override;
  Result<int> run() override;

 private:
  Result<std::unique_ptr<Source>> open_source(std::uint64_t max_message) const;
  Result<void> transfer(tenon::Channel& channel, Source& source);
  Result<void> explain(const Error& error, const std::optional<Error>& peer_ended, Source& source) const;
  Result<void> report(const tenon::Statistics::Direction& counts, double seconds) const;

  Connection connection_;
  std::vector<std::string> messages_;
  std::vector<std::string> files_;
  std::optional<Split> split_;
  SendLimits limits_;
  std::uint64_t count_ = 0;
  bool json_ = false;
  Sent sent_;
};

void SendCommand::declare(CLI::App& app) {
  connection_.declare(app);
  app.add_option("MESSAGE", messages_, "Messages; standard input is sent if there is none and no --file")
      ->type_name("");
  app.add_option("-f,--file", files_,
                 "Send this file, as one message unless --split is given; - is standard input")
      ->type_name("FILE")
      ->expected(1)
      ->take_all();
  add_split(app, split_, "How input is cut into messages (line for standard input, none for files)");
  add_number(app, "-n,--count", count_, 1, "Send N messages: MESSAGEs are repeated, input is cut off");
  add_rate(app, "-r,--rate", limits_.rate, "Send at most so many messages a second: 100, 100/s, 30/m");
  app.add_flag("--json", json_, "At the end, print what was sent");
}

Result<std::unique_ptr<Source>> SendCommand::open_source(std::uint64_t max_message) const {
  if (!messages_.empty() && (!files_.empty() || split_)) {
    return std::unexpected(Error(Errc::invalid_argument, "read", "the command line",
                                 "give either MESSAGEs, or files and --split: a MESSAGE is sent as it is"));
  }
  if (!messages_.empty()) return std::make_unique<ArgumentSource>(messages_, count_ > 0);
  const Split split = split_.value_or(files_.empty() ? Split::line : Split::none);
  const auto paths = files_.empty() ? std::vector<std::string>{"-"} : files_;
  return std::make_unique<InputSource>(TRY(InputSource::open(paths, split, max_message, stop())));
}

/// An error of the transfer in the words of someone who sends; an orderly end of the receiver while nothing
/// more is at hand is none.
Result<void> SendCommand::explain(const Error& error, const std::optional<Error>& peer_ended,
                                  Source& source) const {
  const bool woken = error.code() == Errc::cancelled && stopping_signal() == 0;
  const Error& cause = woken && peer_ended ? *peer_ended : error;
  if (cause.code() != Errc::closed) return std::unexpected(cause);
  const std::string text = fmt::format("the receiver closed; {} messages were sent", sent_.messages);
  if (sent_.cut_off || source.has_more()) {
    return std::unexpected(cause.with("send", connection_.address, text + ", the rest was not"));
  }
  if (connection_.verbose) say(text);
  return {};
}

Result<void> SendCommand::transfer(tenon::Channel& channel, Source& source) {
  std::unique_ptr<Drain> drain;
  if (!channel.traits().one_way) drain = TRY(Drain::start(channel, stop()));
  Progress progress(source.total_bytes(), false);
  auto result = send_all(channel, source, limits_, &progress, stop(), sent_);
  if (result) result = channel.finish(connection_.deadline());
  if (drain) drain->end();
  if (!result) return explain(result.error(), drain ? drain->reason() : std::nullopt, source);
  if (connection_.verbose && drain && drain->messages() > 0) {
    say(fmt::format("{} messages came back and were thrown away (tenon spawn and relay pass them on)",
                    drain->messages()));
  }
  return {};
}

Result<void> SendCommand::report(const tenon::Statistics::Direction& counts, double seconds) const {
  if (connection_.verbose) {
    say(fmt::format("{} messages, {} bytes sent: {}", sent_.messages, sent_.bytes, describe_waiting(counts)));
  }
  if (!json_) return {};
  const nlohmann::ordered_json report{{"messages", sent_.messages},
                                      {"bytes", sent_.bytes},
                                      {"seconds", seconds},
                                      {"system_calls", counts.system_calls},
                                      {"sleeps", counts.sleeps},
                                      {"spins", counts.spins},
                                      {"wakeups", counts.wakeups},
                                      {"full_waits", counts.full_waits},
                                      {"high_water", counts.high_water}};
  Output out(standard_output, stop());
  TRY(out.write(report.dump() + "\n"));
  auto flushed = out.flush();
  if (!flushed && out.broken()) return {};
  return flushed;
}

Result<int> SendCommand::run() {
  if (count_ > 0) limits_.count = count_;
  limits_.timeout = connection_.timeout;
  if (!files_.empty()) TRY(open_source(UINT64_MAX));  // a wrong name is an error before anyone is called
  auto channel = TRY(connection_.open());
  const auto source = TRY(open_source(channel.traits().max_message_size));
  const auto started = std::chrono::steady_clock::now();
  const auto result = transfer(channel, *source);
  const std::chrono::duration<double> elapsed = std::chrono::steady_clock::now() - started;
  const auto closed = channel.close(connection_.closing_deadline());
  TRY(report(channel.statistics().sent, elapsed.count()));
  TRY(result);
  if (!closed && closed.error().code() != Errc::closed) return std::unexpected(closed.error());
  return exit_done;
}

}  // namespace

std::unique_ptr<Command> make_send() {
  return std::make_unique<SendCommand>();
}

}  // namespace tool
