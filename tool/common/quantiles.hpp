// Exact quantiles of raw samples.
#pragma once

#include <algorithm>
#include <cmath>
#include <cstdint>
#include <vector>

namespace tool {

/// The smallest sample that at least `quantile` (0 to 1) of the samples do not exceed (nearest rank: always a
/// sample, never between two). `sorted` ascending and not empty.
inline std::int64_t quantile_of(const std::vector<std::int64_t>& sorted, double quantile) {
  const double rank = std::ceil(quantile * static_cast<double>(sorted.size()) - 1e-9);
  const auto index = static_cast<std::size_t>(std::max(rank, 1.0)) - 1;
  return sorted[std::min(index, sorted.size() - 1)];
}

}  // namespace tool
