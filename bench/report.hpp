// What a run found: plain data, for the writers of tables and files, and for comparing.
#pragma once

#include <chrono>
#include <cstdint>
#include <map>
#include <optional>
#include <string>
#include <vector>

#include "bench/link.hpp"
#include "bench/os/machine.hpp"
#include "bench/samples.hpp"
#include "bench/workload.hpp"

namespace bench {

/// What one side used, for each message that counts.
struct SideCost {
  double cpu_ns = 0;
  double sleeps = 0;       ///< voluntary context switches
  double preemptions = 0;  ///< involuntary ones
  double calls = 0;        ///< system calls that moved or tried to move data
  double waits = 0;        ///< and those that slept or woke
  bool calls_known = true;
};

/// One measurement by one pair of processes.
struct Repetition {
  std::uint64_t messages = 0;
  std::uint64_t lost = 0;
  double per_second = 0;  ///< messages, round trips or connections
  double memory = 0;      ///< bytes for each channel, both sides together
  Samples samples;        ///< of round trips
  SideCost sender;
  SideCost receiver;
  double flag_ns = 0;  ///< a flag's round trip in shared memory, directly before; 0: not measured
};

/// One row, or its floor, with one workload, size and way of waiting.
struct Cell {
  std::string row;
  std::string scheme;
  bool floor = false;
  Workload workload = Workload::round_trip;
  std::size_t size = 0;
  Waiting waiting = Waiting::hybrid;
  std::string absent;  ///< why there is nothing: cannot be, or failed
  bool failed = false;
  std::vector<Repetition> repetitions;

  bool empty() const noexcept { return repetitions.empty(); }
  /// What a table shows, in unit(): p50 of round trips, memory, or how many a second. One for each repetition.
  std::vector<double> figures() const;
  Spread spread() const { return spread_of(figures()); }
  /// Less is better.
  bool less_is_better() const noexcept { return has_round_trips(workload) || workload == Workload::memory; }
  /// "ns", "bytes", "messages/s" or "connections/s".
  const char* unit() const noexcept;
};

struct Report {
  std::string mode;     ///< quick, full, custom
  std::string started;  ///< UTC, ISO 8601
  double seconds = 0;   ///< how long it took
  bool interrupted = false;
  std::string placement;       ///< in words
  std::string placement_name;  ///< as --pin takes it
  std::chrono::nanoseconds warm_up{};
  std::chrono::nanoseconds measured{};
  std::uint64_t repetitions = 0;  ///< of everything
  std::uint64_t planned = 0;      ///< repetitions, if there had been time
  double rate = 0;                ///< of paced round trips, a second
  Machine machine;
  Noise noise;
  std::vector<double> flag_ns;  ///< of each repetition of each cell, in their order
  std::vector<Cell> cells;
  std::map<std::string, std::string> peers;  ///< of rows that are other libraries: which version
  std::vector<std::string> missing_peers;    ///< libraries that would be measured too, if they were installed

  const Cell* find(const std::string& row, bool floor, Workload workload, std::size_t size,
                   Waiting waiting) const;
  /// `cell` divided by its floor, repetition by repetition. The floor of batches is that of single sends. Empty if
  /// either is.
  std::optional<Spread> against_floor(const Cell& cell) const;
  /// In words, for a person: why figures may be wrong.
  std::vector<std::string> warnings() const;
};

}  // namespace bench
