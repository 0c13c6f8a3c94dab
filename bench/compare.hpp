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

struct Comparison {
  std::vector<Change> worse;  ///< the worst first
  std::vector<Change> better;
  std::size_t compared = 0;
  std::size_t only_in_one = 0;
  std::vector<std::string> notes;  ///< why the two may not be comparable
};

/// A figure has changed when all repetitions of the one report lie beyond all of the other by more than `threshold`
/// (0.1 is 10%), and, where both reports have its floor, the ratio to the floor has as well: a machine that has become
/// slower for everyone is no change. Where
/// there is no floor, half of the wider report's spread is added to the threshold. Floors and other libraries are
/// not compared. The reports must outlive the result.
Comparison compare(const SavedReport& before, const SavedReport& after, double threshold);

std::string text_of(const Comparison& comparison, double threshold);

}  // namespace bench
