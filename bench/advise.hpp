// Which mechanism to take: from measured figures and the traits, with reasons.
#pragma once

#include <optional>
#include <string>
#include <vector>

#include <tenon/traits.hpp>

#include "bench/saved.hpp"

namespace bench {

struct Wish {
  std::size_t size = 64;       ///< of a message
  std::optional<double> rate;  ///< messages a second that have to get through
  tenon::TraitSet needs{tenon::Trait::lossless};
  std::string waiting = "hybrid";
};

/// A row and what speaks for it or against it.
struct Candidate {
  std::string row;
  std::string scheme;
  double round_trip_ns = 0;  ///< p50
  double per_second = 0;     ///< one way, the better of single sends and batches
  tenon::Traits traits;
  std::string against;   ///< why it does not do; empty if it does
  std::string detail{};  ///< of that, what is its own: how much it carries
};

/// One need less, and what would do then.
struct Relaxed {
  std::string need;
  std::vector<std::string> rows;
};

struct Advice {
  std::size_t measured_size = 0;  ///< the one that stands for the wished one: the next above, or the largest
  std::size_t below = 0;          ///< the next below, if the wished one lies between two
  std::vector<Candidate> fit;     ///< the best first
  std::vector<Candidate> unfit;
  std::vector<Relaxed> without;  ///< if nothing fits: the needs that stand in the way alone
};

/// Those fit that have every trait, carry the size, and carry the rate. Among them the shortest round trip is the best;
/// of those within a tenth of it, the one with more traits. Figures are those of the wished size if it was measured;
/// between the two sizes beside it, on logarithmic axes, if it lies between; otherwise of the smallest; or of the
/// largest, in proportion to the size. Errors: invalid_argument (the report has no round trips, or no such way of
/// waiting).
tenon::Result<Advice> advise(const SavedReport& report, const std::vector<tenon::TransportInfo>& transports,
                             const Wish& wish);

std::string text_of(const Advice& advice, const Wish& wish);

}  // namespace bench
