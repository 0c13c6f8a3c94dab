// What the repetitions of two reports say about one figure: by how much it has moved, how sure that is, and how much it
// would have had to move to be seen. Everything as natural logarithms of factors, above 0 where the second is better.
#pragma once

#include <map>
#include <string>
#include <vector>

#include "bench/saved.hpp"

namespace bench {

/// A figure, and its ratio to the floor where there is one, of the repetitions that can be compared.
struct Series {
  std::vector<double> figure;
  std::vector<double> ratio;  ///< empty without a floor
};

/// One case in both reports. `unlike`: no three repetitions of each had their CPUs at the same distance.
struct Matched {
  const SavedCell* before;
  const SavedCell* after;
  Series old;
  Series now;
  bool unlike = false;
};

/// `before` and `after` are cells of these reports. Of repetitions whose flag is known those count that had the CPUs
/// at the same distance (flag.hpp), for their floors too; at that of which both reports have the most.
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
  double effect = 0;  ///< of the medians: the figure's or the ratio's, whichever is less; 0 if they disagree
  double errors = 0;  ///< by how many standard errors, with its sign
  double apart =
      0;  ///< the room between all repetitions of the one and all of the other, with its sign; 0: they overlap
  double error = 0;    ///< the standard error
  double overlap = 0;  ///< how far the medians have to be from one another so that there is no overlap
  double unwatched =
      0;  ///< without a floor, which tells what the machine did: half of how far repetitions reach
};

Evidence weigh(const Matched& matched, const Scatter& usual);

}  // namespace bench
