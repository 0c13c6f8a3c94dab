#include "common/options.hpp"

#include <charconv>
#include <functional>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <tenon/units.hpp>

#include "os/signals.hpp"

namespace tool {
namespace {

using Setter = std::function<void(const std::string&)>;

CLI::Option* add(CLI::App& app, const char* names, const char* type, const char* description,
                 const Setter& set) {
  return app.add_option_function<std::string>(names, set, description)->type_name(type);
}

template <typename T>
T parsed(const char* names, const std::string& text, const tenon::Result<T>& value) {
  if (!value) throw CLI::ValidationError(names, fmt::format("'{}': {}", text, value.error().advice()));
  return *value;
}

/// The position of `text` in `choices`, which is the enumerator's value.
std::size_t chosen(const char* name, const std::string& text, const char* choices) {
  const auto names = split_choices(choices);
  for (std::size_t index = 0; index < names.size(); ++index) {
    if (names[index] == text) return index;
  }
  throw CLI::ValidationError(name, fmt::format("'{}' is none of {}", text, fmt::join(names, ", ")));
}

double parse_rate(const char* names, const std::string& text) {
  double rate = 0;
  const char* const last = text.data() + text.size();
  const auto [end, failure] = std::from_chars(text.data(), last, rate);
  std::string_view unit(end, static_cast<std::size_t>(last - end));
  if (unit.starts_with('k') || unit.starts_with('M')) {
    rate *= unit.front() == 'k' ? 1e3 : 1e6;
    unit.remove_prefix(1);
  }
  const double seconds = unit == "/m" ? 60 : unit == "/h" ? 3600 : 1;
  const bool known = unit.empty() || unit == "/s" || seconds > 1;
  if (failure != std::errc{} || !known || !(rate > 0) || rate > 1e9) {
    throw CLI::ValidationError(names, fmt::format("'{}' is no rate: write 100, 10k, 100/s or 30/m", text));
  }
  return rate / seconds;
}

}  // namespace

std::vector<std::string> split_choices(std::string_view names) {
  std::vector<std::string> choices(1);
  for (const char character : names) {
    if (character == '|') {
      choices.emplace_back();
    } else {
      choices.back().push_back(character);
    }
  }
  return choices;
}

CLI::Option* add_duration(CLI::App& app, const char* names, std::optional<std::chrono::nanoseconds>& into,
                          const char* description) {
  return add(app, names, "DURATION", description, [names, &into](const std::string& text) {
    into = parsed(names, text, tenon::parse_duration(text));
  });
}

CLI::Option* add_size(CLI::App& app, const char* names, std::uint64_t& into, const char* description) {
  return add(app, names, "SIZE", description, [names, &into](const std::string& text) {
    into = parsed(names, text, tenon::parse_size(text));
  });
}

CLI::Option* add_rate(CLI::App& app, const char* names, std::optional<double>& into,
                      const char* description) {
  return add(app, names, "RATE", description,
             [names, &into](const std::string& text) { into = parse_rate(names, text); });
}

CLI::Option* add_number(CLI::App& app, const char* names, std::uint64_t& into, std::uint64_t least,
                        const char* description) {
  return add(app, names, "N", description, [names, least, &into](const std::string& text) {
    std::uint64_t number = 0;
    const char* const last = text.data() + text.size();
    const auto [end, failure] = std::from_chars(text.data(), last, number);
    if (failure != std::errc{} || end != last || number < least) {
      throw CLI::ValidationError(names, fmt::format("'{}' is no whole number of at least {}", text, least));
    }
    into = number;
  });
}

CLI::Option* add_choice(CLI::App& app, const char* names, std::string& into, const char* choices,
                        const char* description) {
  return add(app, names, choices, description, [names, choices, &into](const std::string& text) {
    (void)chosen(names, text, choices);
    into = text;
  });
}

CLI::Option* add_split(CLI::App& app, std::optional<Split>& into, const char* description) {
  return add(app, "--split", split_names, description, [&into](const std::string& text) {
    into = static_cast<Split>(chosen("--split", text, split_names));
  });
}

CLI::Option* add_format(CLI::App& app, Format& into) {
  return add(app, "--format", format_names, "How to print a message (line unless given)",
             [&into](const std::string& text) {
               into = static_cast<Format>(chosen("--format", text, format_names));
             });
}

tenon::Deadline deadline_in(std::optional<std::chrono::nanoseconds> after) {
  return (after ? tenon::Deadline::in(*after) : tenon::Deadline::never()).unless(stop());
}

}  // namespace tool
