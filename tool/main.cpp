// The `tenon` command: finds the subcommand, parses its options, and turns its error into a line and an exit
// status.
//
// Subcommands are not CLI11's: those would also be recognised among a command's own arguments (`tenon send
// ADDR ping`).
#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "command.hpp"
#include "common/exit_status.hpp"
#include "common/output.hpp"
#include "common/suggest.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using tenon::Errc;

int print(const std::string& text) {
  Output out(standard_output, stop());
  auto written = out.write(text);
  if (written) written = out.flush();
  if (written || out.broken()) return exit_done;
  say(written.error().message());
  return exit_status(written.error().code());
}

std::string overview() {
  std::string text =
      "tenon: every way that two Linux processes can talk, behind one message interface\n\n"
      "Usage: tenon COMMAND [OPTIONS] …\n\nCommands:\n";
  for (const auto& entry : commands()) text += fmt::format("  {:<12}{}\n", entry.name, entry.summary);
  text +=
      "\n  tenon COMMAND --help says more; tenon --version prints the version.\n\n"
      "An address is scheme:place?option=value, e.g. unix:/tmp/t.sock (see tenon schemes).\n\n"
      "Examples:\n"
      "  tenon recv --listen unix:/tmp/t.sock        in one terminal, and in another:\n"
      "  seq 1000000 | tenon send unix:/tmp/t.sock\n\n"
      "Exit status: 0 done, 1 other failure, 2 usage, 3 timed out, 4 no one there, 5 peer died, 6 message "
      "too large,\n"
      "7 permission denied, 8 protocol violation, 128+n ended by signal n.\n";
  return text;
}

const CommandEntry* find(std::string_view name) {
  for (const auto& entry : commands()) {
    if (entry.name == name) return &entry;
  }
  return nullptr;
}

int unknown(const std::string& name) {
  std::vector<std::string_view> names;
  for (const auto& entry : commands()) names.push_back(entry.name);
  const auto close = suggestion(name, names);
  say(fmt::format("no command '{}'{}; tenon help lists them", name,
                  close.empty() ? "" : fmt::format(": did you mean '{}'?", close)));
  return exit_usage;
}

int fail(const tenon::Error& error) {
  const bool by_signal = error.code() == Errc::cancelled && stopping_signal() != 0;
  if (!by_signal) say(error.message());
  return exit_status(error.code());
}

int run(const CommandEntry& entry, std::vector<std::string> arguments) {
  set_command_name(fmt::format("tenon {}", entry.name));
  const auto command = entry.make();
  const auto app = make_app(entry, *command);
  try {
    std::reverse(arguments.begin(), arguments.end());  // as CLI11 wants them
    app->parse(std::move(arguments));
  } catch (const CLI::CallForHelp&) {
    return print(app->help());
  } catch (const CLI::ParseError& error) {
    say(fmt::format("{}\n(tenon {} --help explains)", error.what(), entry.name));
    return exit_usage;
  }
  const auto status = command->run();
  return status ? *status : fail(status.error());
}

int help_for(const std::vector<std::string>& arguments) {
  if (arguments.empty()) return print(overview());
  const auto* const entry = find(arguments.front());
  if (entry == nullptr) return unknown(arguments.front());
  return run(*entry, {"--help"});
}

int dispatch(std::vector<std::string> arguments) {
  if (arguments.empty()) {
    (void)write_output(standard_error, tenon::bytes_of(overview()), stop());
    return exit_usage;
  }
  const std::string name = arguments.front();
  arguments.erase(arguments.begin());
  if (name == "help" || name == "--help" || name == "-h") return help_for(arguments);
  if (name == "--version" || name == "-V") return print(fmt::format("tenon {}\n", TENON_VERSION));
  const auto* const entry = find(name);
  return entry == nullptr ? unknown(name) : run(*entry, std::move(arguments));
}

}  // namespace
}  // namespace tool

int main(int argc, char** argv) {
  tool::keep_standard_descriptors();
  if (const auto caught = tool::catch_signals(); !caught) return tool::exit_failure;
  try {
    return tool::dispatch({argv + std::min(argc, 1), argv + argc});
  } catch (const std::bad_alloc&) {
    tool::say("out of memory");
    return tool::exit_failure;
  }
}
