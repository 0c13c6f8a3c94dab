// Passes messages on between two channels, both ways, until both directions have ended.
#pragma once

#include <cstdint>
#include <mutex>

#include <tenon/channel.hpp>

#include "common/output.hpp"

namespace tool {

/// A record of what passes, for several directions and pairs at once: one JSON object a line (format.hpp),
/// with "from": "a" or "b". All members are thread-safe.
class Tee {
 public:
  explicit Tee(Output& out) : out_(out) {}
  tenon::Result<void> write(std::string_view from, std::span<const tenon::Message> messages);

 private:
  std::mutex mutex_;
  Output& out_;
  std::uint64_t number_ = 0;
};

struct Passed {
  std::uint64_t a_to_b = 0;  ///< messages
  std::uint64_t b_to_a = 0;
};

/// Two channels joined. The end of one direction is passed on as finish(), so that the other goes on.
class Pump {
 public:
  /// `tee` may be null.
  Pump(tenon::Channel& a, tenon::Channel& b, Tee* tee, tenon::Canceller& canceller)
      : a_(a), b_(b), tee_(tee), canceller_(canceller) {}

  /// Passes messages on in both directions, or only from A to B if one of the two goes one way. Runs until both
  /// sides have ended, one has failed, or the Canceller is used (it is used when one direction fails, to end
  /// the other). Errors: what failed first, with the name of the side; `closed`: a
  /// side closed while messages for it were at hand. After any other failure both are aborted.
  tenon::Result<void> run();
  const Passed& passed() const noexcept { return passed_; }

 private:
  tenon::Result<void> pass_on(tenon::Channel& from, tenon::Channel& to, std::string_view name,
                              std::uint64_t& count);

  tenon::Channel& a_;
  tenon::Channel& b_;
  Tee* tee_;
  tenon::Canceller& canceller_;
  Passed passed_;
};

}  // namespace tool
