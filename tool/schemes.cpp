// `tenon schemes`: every transport of this build, what it promises, and this machine's limits.
#include <algorithm>

#include <fmt/format.h>
#include <fmt/ranges.h>
#include <CLI/CLI.hpp>
#include <nlohmann/json.hpp>
#include <tenon/traits.hpp>
#include <tenon/units.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/exit_status.hpp"
#include "common/output.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using tenon::Result;
using tenon::TransportInfo;
using Rows = std::vector<TransportInfo>;

/// A line of the table: its name, then a cell for each transport, as wide as the scheme or the size needs.
template <typename CellOf>
std::string line(const Rows& rows, std::string_view name, CellOf cell_of) {
  constexpr std::size_t least_width = 8;
  std::string text = fmt::format("{:<22}", name);
  for (const auto& row : rows) {
    text += fmt::format("{:<{}}", cell_of(row), std::max(least_width, row.scheme.size()) + 1);
  }
  text.erase(text.find_last_not_of(' ') + 1);
  return text + '\n';
}

std::string table(const Rows& rows) {
  std::string text = line(rows, "", [](const auto& row) { return row.scheme; });
  for (const auto trait : tenon::all_traits()) {
    text += line(rows, tenon::to_string(trait),
                 [&](const auto& row) { return row.traits.has(trait) ? "yes" : "-"; });
  }
  return text + line(rows, "max_message_size",
                     [](const auto& row) { return tenon::format_size(row.traits.max_message_size); });
}

std::string limits(const Rows& rows) {
  std::string text;
  for (const auto& row : rows) {
    text += fmt::format("{}:\n", row.scheme);
    for (const auto& limit : row.limits) text += fmt::format("  {}\n", limit);
  }
  return text;
}

std::string descriptions(const Rows& rows) {
  std::string text;
  for (const auto& row : rows) {
    text += fmt::format("\n{}:  {}\n", row.scheme, row.mechanism);
    text += fmt::format("  place    {}\n", row.place);
    text += fmt::format("  options  {}\n",
                        row.options.empty() ? "none" : fmt::format("{}", fmt::join(row.options, ", ")));
    for (std::size_t index = 0; index < row.limits.size(); ++index) {
      text += fmt::format("  {}  {}\n", index == 0 ? "limits " : "       ", row.limits[index]);
    }
  }
  return text;
}

std::string markdown(const Rows& rows) {
  std::string text = "| |";
  std::string rule = "|---|";
  for (const auto& row : rows) {
    text += fmt::format(" `{}:` |", row.scheme);
    rule += "---|";
  }
  text += "\n" + rule + "\n| mechanism |";
  for (const auto& row : rows) text += fmt::format(" {} |", row.mechanism);
  for (const auto trait : tenon::all_traits()) {
    text += fmt::format("\n| {} |", tenon::to_string(trait));
    for (const auto& row : rows) text += row.traits.has(trait) ? " ✓ |" : "  |";
  }
  text += "\n| max_message_size |";
  for (const auto& row : rows) text += fmt::format(" {} |", tenon::format_size(row.traits.max_message_size));
  return text + "\n";
}

std::string json(const Rows& rows) {
  auto report = nlohmann::ordered_json::array();
  for (const auto& row : rows) {
    nlohmann::ordered_json item{{"scheme", row.scheme},
                                {"mechanism", row.mechanism},
                                {"place", row.place},
                                {"options", row.options},
                                {"max_message_size", row.traits.max_message_size}};
    for (const auto trait : tenon::all_traits())
      item["traits"][std::string(tenon::to_string(trait))] = row.traits.has(trait);
    item["limits"] = row.limits;
    report.push_back(std::move(item));
  }
  return report.dump(2) + "\n";
}

class SchemesCommand final : public Command {
 public:
  void declare(CLI::App& app) override {
    auto* const group = app.add_option_group("form");
    group->add_flag("--json", json_, "Print a JSON array");
    group->add_flag("--markdown", markdown_, "Print the table in Markdown");
    group->add_flag("--limits", limits_, "Print this machine's limits alone");
    group->require_option(0, 1);
  }

  Result<int> run() override {
    const auto rows = tenon::transports();
    Output out(standard_output, stop());
    TRY(out.write(json_       ? json(rows)
                  : markdown_ ? markdown(rows)
                  : limits_   ? limits(rows)
                              : table(rows) + descriptions(rows)));
    const auto flushed = out.flush();
    if (!flushed && !out.broken()) return std::unexpected(flushed.error());
    return exit_done;
  }

 private:
  bool json_ = false;
  bool markdown_ = false;
  bool limits_ = false;
};

}  // namespace

std::unique_ptr<Command> make_schemes() {
  return std::make_unique<SchemesCommand>();
}

}  // namespace tool
