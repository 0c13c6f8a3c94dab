// What the repetitions of two reports say about one figure: by how much it has moved, how sure that is, and how much it
// would have had to move to be seen. Everything as natural logarithms of factors, above 0 where the second is better.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/saved.hpp"

namespace bench {

/// A figure, and its ratio to what was measured beside it, of the repetitions that can be compared.
struct Comparable {
  std::vector<double> figure;
  std::vector<double> ratio;  ///< empty if nothing was
};

/// One case in both reports. `unlike`: no three repetitions of each had their CPUs at the same distance.
struct Matched {
  const SavedCell* before;
  const SavedCell* after;
  Comparable old;
  Comparable now;
  bool unlike = false;
  bool floors = false;  ///< `ratio` is to its own floor
};

/// `before` and `after` are cells of these reports. Beside a figure was measured its floor; or, for workloads without
/// one of their own, the middle of all other rows in the same repetition, if both reports have at least five. Of
/// repetitions whose flag is known those count that had the CPUs at the same distance (flag.hpp), for their floors too;
/// at that of which both reports have the most.
Matched match(const SavedReport& first, const SavedCell& before, const SavedReport& second,
              const SavedCell& after);

/// How far repetitions scatter: a standard deviation, without the one that is farthest off.
double scatter_of(std::vector<double> values);

/// The median scatter of all figures of a workload: no figure is taken for steadier than that.
struct Scatter {
  double figure = 0;
  double ratio = 0;
};
std::map<std::string, Scatter> scatter_of_workloads(const std::vector<Matched>& all);

struct Evidence {
  /// Of the medians: the figure's or the ratio's, whichever is less; 0 if they disagree.
  double effect = 0;
  /// By how many standard errors, with its sign.
  double errors = 0;
  /// The room between all repetitions of the one and all of the other, with its sign; 0 if they overlap.
  double apart = 0;
  /// The standard error.
  double error = 0;
  /// How far the medians have to be from one another so that there is no overlap.
  double overlap = 0;
  /// What the machine may have done unseen: as much as others have moved, if that is more than a quarter or the figure has no
  /// floor of its own.
  double unwatched = 0;
  /// Half of how far its repetitions reach, if nothing at all was measured beside it.
  double half_reach = 0;
};

/// How far three in four of those moved that neither report is about: other libraries with the case of `cell`, and
/// floors, for batches and fan-in those of single sends, for connecting those of round trips.
double moves_of_others(const SavedReport& first, const SavedReport& second, const SavedCell& cell);

/// `others` are the moves_of_others().
Evidence weigh(const Matched& matched, const Scatter& usual, double others);

}  // namespace bench
