// `tenon spawn`: a program with a channel to it; our input to it, its messages to our output.
//
// Two threads: one sends what we read, one (the first) prints what the program sends. It ends when the
// program does.
#include <csignal>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <tenon/event.hpp>
#include <tenon/process.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/exit_status.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "common/printer.hpp"
#include "common/sender.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using namespace std::chrono_literals;
using tenon::Deadline;
using tenon::Errc;
using tenon::Error;
using tenon::Result;

class SpawnCommand final : public Command {
 public:
  void declare(CLI::App& app) override;
  Result<int> run() override;

 private:
  Result<void> feed(tenon::Channel& channel, const tenon::Canceller& canceller) const;
  Result<void> print(tenon::Channel& channel);
  Result<int> converse(tenon::Child& child);
  int status_of(const tenon::os::ExitStatus& status) const;

  std::string address_ = "pipe:?framing=lines";
  std::vector<std::string> arguments_;
  std::vector<std::string> events_;
  std::optional<Split> split_;
  Format format_ = Format::line;
  std::optional<std::chrono::nanoseconds> timeout_;
  bool verbose_ = false;
  Output out_{standard_output, stop()};
};

bool is_end(const Result<void>& result) {
  return result || result.error().code() == Errc::closed || result.error().code() == Errc::peer_died;
}

void SpawnCommand::declare(CLI::App& app) {
  app.add_option("-a,--address", address_,
                 "The channel: pipe:, unix: or shm:, with options (pipe:?framing=lines unless given: any "
                 "program that "
                 "reads and writes lines; pipe: is for programs that call tenon::inherited())")
      ->type_name("ADDR");
  app.add_option("-e,--event", events_, "Give the program an event of this name: tenon wait inherited:NAME")
      ->allow_extra_args(false)
      ->type_name("NAME");
  add_split(app, split_, "How our standard input is cut into messages (line unless given)");
  add_format(app, format_);
  add_duration(app, "--timeout", timeout_, "How long the program may take to start (5s unless given)");
  app.add_flag("-v,--verbose", verbose_, "Say on standard error what happens");
  app.add_option("COMMAND", arguments_, "The program and its arguments, after --")->required()->type_name("");
}

Result<void> SpawnCommand::feed(tenon::Channel& channel, const tenon::Canceller& canceller) const {
  auto source = TRY(
      InputSource::open({"-"}, split_.value_or(Split::line), channel.traits().max_message_size, canceller));
  Sent sent;
  const auto result = send_all(channel, source, {}, nullptr, canceller, sent);
  const auto finished = channel.finish(Deadline::never().unless(canceller));
  TRY(result);
  return finished;
}

Result<void> SpawnCommand::print(tenon::Channel& channel) {
  Received received;
  const auto use = [&](tenon::ByteView message, std::uint64_t number) {
    return print_message(out_, format_, message, number);
  };
  const auto result = receive_all(channel, {}, stop(), received, use, [this] { return out_.flush(); });
  TRY(out_.flush());
  return result;
}

int SpawnCommand::status_of(const tenon::os::ExitStatus& status) const {
  if (verbose_) say(fmt::format("{} {}", arguments_.front(), status.describe()));
  return status.signalled ? exit_signal + status.signal : status.code;
}

Result<int> SpawnCommand::converse(tenon::Child& child) {
  auto no_more_input = TRY(tenon::Canceller::create());
  Result<void> fed;
  std::thread feeder([&] { fed = feed(child.channel, no_more_input); });
  const auto printed = print(child.channel);
  // A program may end its output and go on reading: its end is the end, so the feeder goes on until then.
  const bool output_ended = is_end(printed) && !out_.broken();
  if (output_ended) (void)child.process.wait(Deadline::never().unless(stop()));
  no_more_input.cancel();
  feeder.join();
  (void)child.channel.close(Deadline::in(1s));
  if (stopping_signal() != 0) (void)child.process.kill(stopping_signal());
  const auto status = TRY(child.process.wait());
  if (out_.broken()) return exit_done;
  if (stopping_signal() != 0) return std::unexpected(Error(Errc::cancelled, "spawn"));
  if (!output_ended) return std::unexpected(printed.error());
  const bool fed_enough = is_end(fed) || fed.error().code() == Errc::cancelled;
  if (status.success() && !fed_enough) return std::unexpected(fed.error());
  return status_of(status);
}

Result<int> SpawnCommand::run() {
  const auto deadline = Deadline::in(timeout_.value_or(5s)).unless(stop());
  std::vector<tenon::Event> events;
  std::vector<tenon::GivenEvent> given;
  for (const auto& name : events_) {
    events.push_back(TRY(tenon::Event::create()));
    given.push_back({name, TRY(events.back().poll_fd())});
  }
  auto child = TRY(tenon::spawn({.arguments = arguments_,
                                 .environment = {},
                                 .address = address_,
                                 .events = given,
                                 .deadline = deadline,
                                 .die_with_parent = true}));
  if (verbose_) say(fmt::format("{} runs as process {}", arguments_.front(), child.process.pid()));
  return converse(child);
}

}  // namespace

std::unique_ptr<Command> make_spawn() {
  return std::make_unique<SpawnCommand>();
}

}  // namespace tool
