#include "bench/samples.hpp"

#include <algorithm>
#include <cmath>

namespace bench {

Samples::Samples(std::span<const std::uint32_t> values) : size_(values.size()) {
  std::vector<std::uint32_t> sorted(values.begin(), values.end());
  std::ranges::sort(sorted);
  for (const std::uint32_t value : sorted) {
    if (counts_.empty() || counts_.back().first != value) counts_.emplace_back(value, 0);
    ++counts_.back().second;
  }
}

void Samples::merge(const Samples& other) {
  std::vector<std::pair<std::uint32_t, std::uint64_t>> all;
  all.reserve(counts_.size() + other.counts_.size());
  std::ranges::merge(counts_, other.counts_, std::back_inserter(all));
  counts_.clear();
  for (const auto& [value, count] : all) {
    if (counts_.empty() || counts_.back().first != value) counts_.emplace_back(value, 0);
    counts_.back().second += count;
  }
  size_ += other.size_;
}

std::int64_t Samples::quantile(double quantile) const {
  const double rank = std::max(std::ceil(quantile * static_cast<double>(size_) - 1e-9), 1.0);
  std::uint64_t seen = 0;
  for (const auto& [value, count] : counts_) {
    seen += count;
    if (static_cast<double>(seen) >= rank) return value;
  }
  return counts_.back().first;
}

Spread most_of(std::vector<double> values) {
  const Spread all = spread_of(values);
  std::ranges::sort(values);
  const std::size_t few = values.size() / 20;
  return {all.median, values[few], values[values.size() - 1 - few]};
}

Spread spread_of(std::vector<double> values) {
  std::ranges::sort(values);
  const std::size_t middle = values.size() / 2;
  const double median = values.size() % 2 == 1 ? values[middle] : (values[middle - 1] + values[middle]) / 2;
  return {median, values.front(), values.back()};
}

}  // namespace bench
