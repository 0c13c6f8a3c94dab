// A report as one picture for a README: every row's round trip and messages a second, with the bare mechanism beside it.
#pragma once

#include <string>

#include "bench/saved.hpp"

namespace bench {

/// Whether it has something to draw: round trips or messages one way.
bool has_overview(const SavedReport& report);

/// An SVG file that needs nothing else and follows the reader's light or dark. Of the first way of waiting: round trips
/// of the smallest size, and single sends of 1 KiB, or of the smallest size.
std::string overview_of(const SavedReport& report);

}  // namespace bench
