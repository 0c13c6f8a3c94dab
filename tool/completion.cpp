// `tenon completion`: scripts for three shells, written from the same table and options as the help.
#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <tenon/traits.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/exit_status.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using tenon::Result;

constexpr const char* shell_names = "bash|zsh|fish";

struct OptionFacts {
  std::vector<std::string> names;  ///< with dashes
  std::string description;
  bool takes_value;
  bool takes_file;
  std::vector<std::string> choices;  ///< of its value
};

struct CommandFacts {
  std::string name;
  std::string summary;
  std::vector<OptionFacts> options;
  std::vector<std::string> words;  ///< for its other arguments: schemes, shells
};

OptionFacts facts_of(const CLI::Option& option) {
  OptionFacts facts{
      {}, option.get_description(), option.get_expected_max() > 0 && option.get_type_size() > 0, false, {}};
  for (const auto& name : option.get_snames()) facts.names.push_back("-" + name);
  for (const auto& name : option.get_lnames()) facts.names.push_back("--" + name);
  facts.takes_file = option.get_type_name() == "FILE";
  if (option.get_type_name().find('|') != std::string::npos)
    facts.choices = split_choices(option.get_type_name());
  return facts;
}

void gather(const CLI::App& app, CommandFacts& facts) {
  for (const CLI::Option* option : app.get_options()) {
    const bool address = option->get_name(true, false) == "ADDR" || option->get_name(true, false) == "A";
    if (option->nonpositional()) facts.options.push_back(facts_of(*option));
    if (option->get_positional() && option->get_type_name() == shell_names)
      facts.words = split_choices(shell_names);
    if (option->get_positional() && option->get_name(true, false) == "EVENT")
      facts.words = {"signal:", "eventfd:", "inherited:"};
    if (!option->get_positional() || !address) continue;
    for (const auto& transport : tenon::transports())
      facts.words.push_back(std::string(transport.scheme) + ":");
  }
  for (const CLI::App* group : app.get_subcommands({})) gather(*group, facts);  // option groups
}

std::vector<CommandFacts> all_facts() {
  std::vector<CommandFacts> all;
  for (const auto& entry : commands()) {
    const auto command = entry.make();
    const auto app = make_app(entry, *command);
    auto& facts = all.emplace_back(CommandFacts{std::string(entry.name), std::string(entry.summary), {}, {}});
    gather(*app, facts);
  }
  return all;
}

std::vector<std::string> names_of(const CommandFacts& command) {
  std::vector<std::string> names;
  for (const auto& option : command.options)
    names.insert(names.end(), option.names.begin(), option.names.end());
  return names;
}

std::string names_of(const std::vector<CommandFacts>& all) {
  std::vector<std::string> names;
  for (const auto& command : all) names.push_back(command.name);
  return fmt::format("{}", fmt::join(names, " "));
}

std::string bash_values(const CommandFacts& command) {
  std::string text;
  for (const auto& option : command.options) {
    if (!option.takes_value) continue;
    const auto pattern =
        fmt::format("{}:{}", command.name, fmt::join(option.names, fmt::format("|{}:", command.name)));
    if (option.takes_file) {
      text += fmt::format("    {}) COMPREPLY=($(compgen -f -- \"$word\")); return ;;\n", pattern);
    } else {
      text += fmt::format("    {}) COMPREPLY=($(compgen -W '{}' -- \"$word\")); return ;;\n", pattern,
                          fmt::join(option.choices, " "));
    }
  }
  return text;
}

std::string bash(const std::vector<CommandFacts>& all) {
  std::string text =
      "# bash completion of tenon, written by `tenon completion bash`\n"
      "_tenon() {\n"
      "  local word=\"${COMP_WORDS[COMP_CWORD]}\" before=\"${COMP_WORDS[COMP_CWORD-1]}\" words=''\n"
      "  COMPREPLY=()\n"
      "  if [ \"$COMP_CWORD\" -eq 1 ]; then\n";
  text += fmt::format("    COMPREPLY=($(compgen -W '{} help --help --version' -- \"$word\")); return\n  fi\n",
                      names_of(all));
  text += "  case \"${COMP_WORDS[1]}:$before\" in\n";
  for (const auto& command : all) text += bash_values(command);
  text += "  esac\n  case \"${COMP_WORDS[1]}\" in\n";
  for (const auto& command : all) {
    auto words = names_of(command);
    words.insert(words.end(), command.words.begin(), command.words.end());
    text += fmt::format("    {}) words='{}' ;;\n", command.name, fmt::join(words, " "));
  }
  text += fmt::format("    help) words='{}' ;;\n  esac\n", names_of(all));
  text +=
      "  COMPREPLY=($(compgen -W \"$words\" -- \"$word\"))\n"
      "  case \"${COMPREPLY[0]}\" in *:) compopt -o nospace ;; esac\n"
      "}\n"
      "complete -o default -F _tenon tenon\n";
  return text;
}

/// Inside single quotes and zsh's brackets.
std::string zsh_quoted(std::string_view text) {
  std::string quoted;
  for (const char character : text) {
    if (character == '\'') {
      quoted += "'\\''";
      continue;
    }
    if (character == '[' || character == ']' || character == ':' || character == '\\') quoted.push_back('\\');
    quoted.push_back(character);
  }
  return quoted;
}

std::string zsh_option(const OptionFacts& option) {
  std::string text;
  for (const auto& name : option.names) {
    std::string value;
    if (option.takes_file) {
      value = ":file:_files";
    } else if (option.takes_value) {
      value =
          option.choices.empty() ? ":value: " : fmt::format(":value:({})", fmt::join(option.choices, " "));
    }
    text += fmt::format(" \\\n        '{}[{}]{}'", name, zsh_quoted(option.description), value);
  }
  return text;
}

std::string zsh(const std::vector<CommandFacts>& all) {
  std::string text =
      "#compdef tenon\n"
      "# zsh completion of tenon, written by `tenon completion zsh`\n"
      "_tenon() {\n"
      "  local -a commands=(\n";
  for (const auto& command : all)
    text += fmt::format("    '{}:{}'\n", command.name, zsh_quoted(command.summary));
  text +=
      "    'help:print the help of a command'\n"
      "  )\n"
      "  if (( CURRENT == 2 )); then _describe command commands; return; fi\n"
      "  local command=$words[2]\n"
      "  shift words; (( CURRENT-- ))\n"
      "  case $command in\n";
  for (const auto& command : all) {
    text += fmt::format("    {})\n      _arguments -s", command.name);
    for (const auto& option : command.options) text += zsh_option(option);
    std::vector<std::string> words;
    for (const auto& word : command.words) words.push_back(zsh_quoted(word));
    text += fmt::format(" \\\n        '*:argument:{}' ;;\n",
                        words.empty() ? "_files" : fmt::format("({})", fmt::join(words, " ")));
  }
  text +=
      "    help) _describe command commands ;;\n"
      "  esac\n"
      "}\n"
      "if [[ $funcstack[1] == _tenon ]]; then _tenon \"$@\"; else compdef _tenon tenon; fi\n";
  return text;
}

std::string fish_quoted(std::string_view text) {
  std::string quoted = "'";
  for (const char character : text) {
    if (character == '\'' || character == '\\') quoted.push_back('\\');
    quoted.push_back(character);
  }
  return quoted + "'";
}

std::string fish_option(const std::string& condition, const OptionFacts& option) {
  std::string text = "complete -c tenon " + condition;
  for (const auto& name : option.names) {
    const bool long_name = name.starts_with("--");
    text += fmt::format(" -{} {}", long_name ? 'l' : 's', name.substr(long_name ? 2 : 1));
  }
  if (option.takes_value) text += option.takes_file ? " -r -F" : " -x";
  if (!option.choices.empty()) text += fmt::format(" -a '{}'", fmt::join(option.choices, " "));
  return text + fmt::format(" -d {}\n", fish_quoted(option.description));
}

std::string fish(const std::vector<CommandFacts>& all) {
  std::string text = "# fish completion of tenon, written by `tenon completion fish`\ncomplete -c tenon -f\n";
  for (const auto& command : all) {
    text += fmt::format("complete -c tenon -n __fish_use_subcommand -a {} -d {}\n", command.name,
                        fish_quoted(command.summary));
    const std::string condition = fmt::format("-n '__fish_seen_subcommand_from {}'", command.name);
    for (const auto& option : command.options) text += fish_option(condition, option);
    if (!command.words.empty()) {
      text += fmt::format("complete -c tenon {} -a '{}'\n", condition, fmt::join(command.words, " "));
    }
  }
  text += fmt::format(
      "complete -c tenon -n __fish_use_subcommand -a help -d 'print the help of a command'\n"
      "complete -c tenon -n '__fish_seen_subcommand_from help' -a '{}'\n",
      names_of(all));
  return text;
}

class CompletionCommand final : public Command {
 public:
  void declare(CLI::App& app) override {
    add_choice(app, "SHELL", shell_, shell_names, "Which shell")->required();
  }

  Result<int> run() override {
    const auto all = all_facts();
    Output out(standard_output, stop());
    TRY(out.write(shell_ == "bash" ? bash(all) : shell_ == "zsh" ? zsh(all) : fish(all)));
    const auto flushed = out.flush();
    if (!flushed && !out.broken()) return std::unexpected(flushed.error());
    return exit_done;
  }

 private:
  std::string shell_;
};

}  // namespace

std::unique_ptr<Command> make_completion() {
  return std::make_unique<CompletionCommand>();
}

}  // namespace tool
