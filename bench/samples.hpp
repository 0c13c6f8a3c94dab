// Exact quantiles of many samples in little memory: each value is kept once, with how often it occurred.
#pragma once

#include <cstdint>
#include <span>
#include <utility>
#include <vector>

namespace bench {

/// Values in nanoseconds. Nothing is rounded: what a quantile returns was measured.
class Samples {
 public:
  Samples() = default;
  explicit Samples(std::span<const std::uint32_t> values);

  void merge(const Samples& other);
  bool empty() const noexcept { return counts_.empty(); }
  std::uint64_t size() const noexcept { return size_; }
  /// The smallest value that at least `quantile` (0 to 1) of the samples do not exceed (nearest rank). Not empty.
  std::int64_t quantile(double quantile) const;
  /// (value, how often), ascending.
  const std::vector<std::pair<std::uint32_t, std::uint64_t>>& counts() const noexcept { return counts_; }

 private:
  std::vector<std::pair<std::uint32_t, std::uint64_t>> counts_;
  std::uint64_t size_ = 0;
};

/// What several repetitions gave.
struct Spread {
  double median = 0;
  double least = 0;
  double most = 0;

  /// How far apart they are: (most - least) / median; 0 for a median of 0.
  double relative() const noexcept { return median > 0 ? (most - least) / median : 0; }
};

/// The median, and what nine in ten lie between: for many values, some of which are far off. Not empty.
Spread most_of(std::vector<double> values);

/// The median of an even number of values is the mean of the two in the middle. Not empty.
Spread spread_of(std::vector<double> values);

}  // namespace bench
