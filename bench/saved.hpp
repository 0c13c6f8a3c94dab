// A report that was written to a JSON file, read back as far as it is compared, drawn and asked for advice.
#pragma once

#include <map>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/error.hpp>

#include "bench/samples.hpp"

namespace bench {

struct SavedCell {
  std::string row;
  std::string scheme;
  bool floor = false;
  std::string workload;  ///< "round-trip", …
  std::size_t size = 0;
  std::string waiting;
  std::string unit;  ///< "ns": less is better; "messages/s" and the like: more is
  std::string absent;
  std::optional<Spread> figure;
  std::optional<Spread> times_floor;
  std::vector<double> repetitions;              ///< what `figure` is the spread of, in their order
  std::vector<double> flag_ns;                  ///< of each of them; 0: not known
  std::map<std::string, double> round_trip_ns;  ///< "p50": …

  bool less_is_better() const noexcept { return unit == "ns" || unit == "bytes"; }
  /// The same row, workload, size and way of waiting.
  bool same_case(const SavedCell& other) const noexcept;
};

struct SavedReport {
  std::string tenon;
  std::string mode;
  std::string started;
  bool interrupted = false;
  std::string cpu;
  int cpus = 0;
  std::string kernel;
  std::string system;
  std::string placement;
  std::string pin;
  std::uint64_t repetitions = 0;
  double measured_ns = 0;  ///< each
  double load = 0;         ///< when it began
  std::string folder_type;
  std::optional<Spread> flag_ns;             ///< a flag's round trip: the median, and most of them
  std::map<std::string, std::string> peers;  ///< rows that are other libraries: which version
  std::vector<std::string> limits;
  std::vector<std::string> warnings;
  std::vector<SavedCell> cells;
};

/// `name` is for the error. Errors: invalid_argument (no JSON: where it breaks; no report of tenon bench; one of
/// another version; a field that is missing or of another kind).
tenon::Result<SavedReport> read_report(std::string_view text, const std::string& name);

/// The cell of ours (not its floor) with a figure; null if there is none.
const SavedCell* find_cell(const SavedReport& report, const std::string& row, const std::string& workload,
                           std::size_t size, const std::string& waiting, bool floor = false);

/// The values of a field of the cells, each once, in their order.
template <typename T>
std::vector<T> each_once(const SavedReport& report, T SavedCell::* field) {
  std::vector<T> values;
  for (const SavedCell& cell : report.cells) {
    bool known = false;
    for (const T& value : values) known = known || value == cell.*field;
    if (!known) values.push_back(cell.*field);
  }
  return values;
}

}  // namespace bench
