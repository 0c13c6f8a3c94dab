// Options that several commands share, with units and choices checked while parsing.
#pragma once

#include <chrono>
#include <cstdint>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/deadline.hpp>

#include "common/format.hpp"
#include "common/splitter.hpp"

namespace CLI {
class App;
class Option;
}  // namespace CLI

namespace tool {

/// Names in an option's type are separated by `|`; completion offers them.
std::vector<std::string> split_choices(std::string_view names);

CLI::Option* add_duration(CLI::App& app, const char* names, std::optional<std::chrono::nanoseconds>& into,
                          const char* description);
CLI::Option* add_size(CLI::App& app, const char* names, std::uint64_t& into, const char* description);
/// `100`, `100/s`, `30/m`: into events per second.
CLI::Option* add_rate(CLI::App& app, const char* names, std::optional<double>& into, const char* description);
/// At least `least`.
CLI::Option* add_number(CLI::App& app, const char* names, std::uint64_t& into, std::uint64_t least,
                        const char* description);
/// One of `choices`, whose names are separated by `|`.
CLI::Option* add_choice(CLI::App& app, const char* names, std::string& into, const char* choices,
                        const char* description);
CLI::Option* add_split(CLI::App& app, std::optional<Split>& into, const char* description);
CLI::Option* add_format(CLI::App& app, Format& into);

/// `after` from now or, without one, never; ended early by stop().
tenon::Deadline deadline_in(std::optional<std::chrono::nanoseconds> after);

}  // namespace tool
