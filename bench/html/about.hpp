// What stands around the charts of the page: the machine and the method, what the transports promise, limits.
#pragma once

#include <string>
#include <vector>

#include <tenon/traits.hpp>

#include "bench/saved.hpp"

namespace bench {

std::string head_of(const SavedReport& report);
std::string traits_table(const std::vector<tenon::TransportInfo>& transports);
std::string limits_of(const SavedReport& report);

}  // namespace bench
