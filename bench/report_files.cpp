#include "bench/report_files.hpp"

#include <array>

#include <fmt/format.h>
#include <nlohmann/json.hpp>
#include <tenon/traits.hpp>

namespace bench {
namespace {

using Json = nlohmann::ordered_json;

struct Quantile {
  const char* name;
  double value;
};

constexpr std::array quantiles{Quantile{"min", 0},    Quantile{"p50", 0.5},     Quantile{"p90", 0.9},
                               Quantile{"p99", 0.99}, Quantile{"p99.9", 0.999}, Quantile{"p99.99", 0.9999},
                               Quantile{"max", 1}};

Json quantiles_of(const Samples& samples) {
  Json object = Json::object();
  for (const auto& [name, value] : quantiles) object[name] = samples.quantile(value);
  return object;
}

Json spread_json(const Spread& spread) {
  return {{"median", spread.median}, {"min", spread.least}, {"max", spread.most}};
}

Json cost_json(const SideCost& cost) {
  return {{"cpu_ns", cost.cpu_ns},
          {"context_switches_voluntary", cost.sleeps},
          {"context_switches_involuntary", cost.preemptions},
          {"system_calls_moving_data", cost.calls_known ? Json(cost.calls) : Json()},
          {"system_calls_waiting", cost.calls_known ? Json(cost.waits) : Json()}};
}

Json repetition_json(const Repetition& repetition) {
  Json object{{"messages", repetition.messages},
              {"lost", repetition.lost},
              {"per_second", repetition.per_second > 0 ? Json(repetition.per_second) : Json()},
              {"sender_per_message", cost_json(repetition.sender)},
              {"receiver_per_message", cost_json(repetition.receiver)}};
  object["flag_ns"] = repetition.flag_ns > 0 ? Json(repetition.flag_ns) : Json();
  if (repetition.memory > 0) object["memory_bytes"] = repetition.memory;
  if (!repetition.samples.empty()) object["round_trip_ns"] = quantiles_of(repetition.samples);
  return object;
}

Json cell_json(const Report& report, const Cell& cell) {
  Json object{{"row", cell.row},
              {"scheme", cell.scheme},
              {"floor", cell.floor},
              {"workload", to_string(cell.workload)},
              {"size", cell.size},
              {"waiting", to_string(cell.waiting)},
              {"absent", cell.absent.empty() ? Json() : Json(cell.absent)},
              {"failed", cell.failed}};
  object["unit"] = cell.unit();
  object["figure"] = cell.empty() ? Json() : spread_json(cell.spread());
  const auto ratio = report.against_floor(cell);
  object["times_floor"] = ratio ? spread_json(*ratio) : Json();
  if (has_round_trips(cell.workload)) {
    Samples all;
    for (const auto& repetition : cell.repetitions) all.merge(repetition.samples);
    object["round_trip_ns"] = all.empty() ? Json() : quantiles_of(all);
  }
  object["repetitions"] = Json::array();
  for (const auto& repetition : cell.repetitions)
    object["repetitions"].push_back(repetition_json(repetition));
  return object;
}

Json machine_json(const Report& report) {
  const auto& machine = report.machine;
  return {{"cpu", machine.cpu},       {"cpus", machine.cpus},          {"kernel", machine.kernel},
          {"system", machine.system}, {"load_at_start", machine.load}, {"folder_type", machine.folder_type},
          {"limits", machine.limits}};
}

Json share(double value) {
  return value < 0 ? Json() : Json(value);
}

}  // namespace

std::string json_of(const Report& report) {
  Json object{{"format", "tenon bench"},
              {"format_version", json_version},
              {"tenon", TENON_VERSION},
              {"mode", report.mode},
              {"started", report.started},
              {"seconds", report.seconds},
              {"interrupted", report.interrupted},
              {"machine", machine_json(report)},
              {"placement", {{"pin", report.placement_name}, {"description", report.placement}}},
              {"settings",
               {{"repetitions", report.repetitions},
                {"warm_up_ns", report.warm_up.count()},
                {"measured_ns", report.measured.count()},
                {"rate", report.rate > 0 ? Json(report.rate) : Json()}}},
              {"noise",
               {{"steal", share(report.noise.steal)},
                {"other_work", share(report.noise.other_work)},
                {"flag_ns", report.flag_ns},
                {"warnings", report.warnings()}}}};
  object["peers"] = report.peers;
  object["peers_not_installed"] = report.missing_peers;
  object["cells"] = Json::array();
  for (const auto& cell : report.cells) object["cells"].push_back(cell_json(report, cell));
  return object.dump(1) + "\n";
}

std::string csv_of(const Report& report) {
  std::string text =
      "row,floor,workload,size,waiting,repetition,messages,lost,per_second,memory_bytes,min_ns,p50_ns,p90_ns,"
      "p99_ns,"
      "p99.9_ns,p99.99_ns,max_ns,sender_cpu_ns,receiver_cpu_ns,sender_calls,receiver_calls\n";
  const auto calls = [](const SideCost& cost) {
    return cost.calls_known ? fmt::format("{:.3f}", cost.calls + cost.waits) : std::string();
  };
  for (const auto& cell : report.cells) {
    std::size_t number = 0;
    for (const auto& repetition : cell.repetitions) {
      text += fmt::format("{},{},{},{},{},{},{},{},{:.1f},{}", cell.row, cell.floor ? 1 : 0,
                          to_string(cell.workload), cell.size, to_string(cell.waiting), ++number,
                          repetition.messages, repetition.lost, repetition.per_second,
                          repetition.memory > 0 ? fmt::format("{:.0f}", repetition.memory) : "");
      for (const auto& quantile : quantiles)
        text += repetition.samples.empty() ? ","
                                           : fmt::format(",{}", repetition.samples.quantile(quantile.value));
      text += fmt::format(",{:.1f},{:.1f},{},{}\n", repetition.sender.cpu_ns, repetition.receiver.cpu_ns,
                          calls(repetition.sender), calls(repetition.receiver));
    }
  }
  return text;
}

}  // namespace bench
