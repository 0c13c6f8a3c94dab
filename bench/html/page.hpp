// A report as one page for a browser: charts, tables, traits, the machine. Nothing is loaded from anywhere; readable in
// light, in dark and on paper. Well-formed XML, so that a program can check it.
#pragma once

#include <string>
#include <vector>

#include <tenon/traits.hpp>

#include "bench/saved.hpp"

namespace bench {

/// `transports`: whose traits are shown beside the figures.
std::string page_of(const SavedReport& report, const std::vector<tenon::TransportInfo>& transports);

}  // namespace bench
