// Two reports beside one another: what has become better or worse by more than noise.
#pragma once

#include <string>
#include <vector>

#include "bench/saved.hpp"

namespace bench {

struct Change {
  const SavedCell* before;
  const SavedCell* after;
  double factor;  ///< how much better, above 1, or worse, below
};

/// How large a change of one workload's figures would have been seen, as a factor; the median of its figures.
struct Seen {
  std::string workload;
  double together;  ///< when at least three figures of a row change
  double alone;     ///< when one does
};

struct Comparison {
  std::vector<Change> worse;  ///< the worst first
  std::vector<Change> better;
  std::size_t compared = 0;
  std::size_t only_in_one = 0;
  std::size_t unlike =
      0;  ///< not judged: the CPUs were near one another in the one report and far in the other
  std::vector<Seen> seen;
  std::vector<std::string> notes;  ///< why the two may not be comparable
};

/// A figure has changed when it has done so in one of two ways, and its ratio to what was measured beside it (evidence.hpp)
/// has as well: a machine that has become slower for everyone is no change.
/// - Alone: all repetitions of the one report lie beyond all of the other by more than twice `threshold` (0.1 is 10%;
///   half of their spread more if nothing was measured beside it).
/// - Together: the medians differ by more than `threshold` and by three standard errors, and so do those of at least two
///   other figures of the row, in the same direction.
/// Only repetitions whose CPUs were at the same distance are compared (evidence.hpp); floors and other libraries are not.
/// The reports must outlive the result.
Comparison compare(const SavedReport& before, const SavedReport& after, double threshold);

std::string text_of(const Comparison& comparison, double threshold);

}  // namespace bench
