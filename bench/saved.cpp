#include "bench/saved.hpp"

#include <algorithm>

#include <fmt/format.h>
#include <nlohmann/json.hpp>

#include "bench/report_files.hpp"

namespace bench {
namespace {

using Json = nlohmann::json;
using tenon::Errc;
using tenon::Error;

std::optional<Spread> spread_in(const Json& value) {
  if (value.is_null()) return std::nullopt;
  return Spread{value.at("median").get<double>(), value.at("min").get<double>(),
                value.at("max").get<double>()};
}

SavedCell cell_in(const Json& json) {
  SavedCell cell;
  cell.row = json.at("row").get<std::string>();
  cell.scheme = json.at("scheme").get<std::string>();
  cell.floor = json.at("floor").get<bool>();
  cell.workload = json.at("workload").get<std::string>();
  cell.size = json.at("size").get<std::size_t>();
  cell.waiting = json.at("waiting").get<std::string>();
  cell.unit = json.at("unit").get<std::string>();
  if (!json.at("absent").is_null()) cell.absent = json.at("absent").get<std::string>();
  cell.figure = spread_in(json.at("figure"));
  cell.times_floor = spread_in(json.at("times_floor"));
  if (json.contains("round_trip_ns") && !json.at("round_trip_ns").is_null())
    cell.round_trip_ns = json.at("round_trip_ns").get<std::map<std::string, double>>();
  for (const Json& repetition : json.at("repetitions")) {
    const Json& value = cell.unit == "ns"      ? repetition.at("round_trip_ns").at("p50")
                        : cell.unit == "bytes" ? repetition.at("memory_bytes")
                                               : repetition.at("per_second");
    cell.repetitions.push_back(value.get<double>());
    const auto flag = repetition.find("flag_ns");
    cell.flag_ns.push_back(flag == repetition.end() || flag->is_null() ? 0 : flag->get<double>());
  }
  return cell;
}

SavedReport report_in(const Json& json) {
  SavedReport report;
  report.tenon = json.at("tenon").get<std::string>();
  report.mode = json.at("mode").get<std::string>();
  report.started = json.at("started").get<std::string>();
  report.interrupted = json.at("interrupted").get<bool>();
  const Json& machine = json.at("machine");
  report.cpu = machine.at("cpu").get<std::string>();
  report.cpus = machine.at("cpus").get<int>();
  report.kernel = machine.at("kernel").get<std::string>();
  report.system = machine.at("system").get<std::string>();
  report.load = machine.at("load_at_start").get<double>();
  report.folder_type = machine.at("folder_type").get<std::string>();
  report.limits = machine.at("limits").get<std::vector<std::string>>();
  report.placement = json.at("placement").at("description").get<std::string>();
  report.pin = json.at("placement").at("pin").get<std::string>();
  report.repetitions = json.at("settings").at("repetitions").get<std::uint64_t>();
  report.measured_ns = json.at("settings").at("measured_ns").get<double>();
  auto flag = json.at("noise").at("flag_ns").get<std::vector<double>>();
  if (!flag.empty()) report.flag_ns = most_of(std::move(flag));
  report.peers = json.at("peers").get<std::map<std::string, std::string>>();
  report.warnings = json.at("noise").at("warnings").get<std::vector<std::string>>();
  for (const Json& cell : json.at("cells")) report.cells.push_back(cell_in(cell));
  return report;
}

std::unexpected<Error> unusable(const std::string& name, const std::string& why) {
  return std::unexpected(Error(Errc::invalid_argument, "read", name, why));
}

}  // namespace

bool SavedCell::same_case(const SavedCell& other) const noexcept {
  return row == other.row && floor == other.floor && workload == other.workload && size == other.size &&
         waiting == other.waiting;
}

const SavedCell* find_cell(const SavedReport& report, const std::string& row, const std::string& workload,
                           std::size_t size, const std::string& waiting, bool floor) {
  for (const SavedCell& cell : report.cells) {
    if (cell.row == row && cell.floor == floor && cell.workload == workload && cell.size == size &&
        cell.waiting == waiting)
      return cell.figure ? &cell : nullptr;
  }
  return nullptr;
}

tenon::Result<SavedReport> read_report(std::string_view text, const std::string& name) {
  try {
    const Json json = Json::parse(text);
    if (!json.is_object() || json.value("format", "") != "tenon bench")
      return unusable(name, "this is JSON, but no report of tenon bench --json");
    if (const int version = json.at("format_version").get<int>(); version != json_version)
      return unusable(
          name, fmt::format("it has format_version {}, and this tenon reads {}", version, json_version));
    return report_in(json);
  } catch (const Json::parse_error& error) {
    const auto line =
        1 + std::count(text.begin(),
                       text.begin() + static_cast<std::ptrdiff_t>(std::min(error.byte, text.size())), '\n');
    return unusable(
        name,
        fmt::format("this is no whole JSON: it breaks at byte {}, line {}; write it with tenon bench --json",
                    error.byte, line));
  } catch (const Json::exception& error) {
    return unusable(name, fmt::format("a field is missing or of another kind: {}", error.what()));
  }
}

}  // namespace bench
