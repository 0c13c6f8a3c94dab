// A report as JSON and as comma-separated values, for programs. docs/benchmarking.md lists the fields.
#pragma once

#include <string>

#include "bench/report.hpp"

namespace bench {

/// The version of the JSON: a field that means something else, or is gone, makes a new one.
inline constexpr int json_version = 1;

std::string json_of(const Report& report);
std::string csv_of(const Report& report);

}  // namespace bench
