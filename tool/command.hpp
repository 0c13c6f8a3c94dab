// What a subcommand is, and the table of all of them: help, completion and dispatch follow the table.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <string_view>

#include <tenon/error.hpp>

namespace CLI {
class App;
}

namespace tool {

/// One subcommand: it declares its options, and once they are parsed it runs.
class Command {
 public:
  virtual ~Command() = default;
  /// Binds options to members; must not do anything else, since help and completion call it too.
  virtual void declare(CLI::App& app) = 0;
  /// The exit status, or the error that becomes one (exit_status.hpp).
  virtual tenon::Result<int> run() = 0;
};

struct CommandEntry {
  std::string_view name;
  std::string_view summary;   ///< one line
  std::string_view examples;  ///< the end of its help
  std::unique_ptr<Command> (*make)();
};

/// In the order of the documentation.
std::span<const CommandEntry> commands();

std::unique_ptr<Command> make_send();
std::unique_ptr<Command> make_recv();
std::unique_ptr<Command> make_ping();
std::unique_ptr<Command> make_pong();
std::unique_ptr<Command> make_spawn();
std::unique_ptr<Command> make_relay();
std::unique_ptr<Command> make_notify();
std::unique_ptr<Command> make_wait();
std::unique_ptr<Command> make_schemes();
std::unique_ptr<Command> make_bench();
std::unique_ptr<Command> make_advise();
std::unique_ptr<Command> make_completion();

/// The App of a command, with its options, for help, completion and parsing.
std::unique_ptr<CLI::App> make_app(const CommandEntry& entry, Command& command);

}  // namespace tool
