// A floor over two descriptors, or one that goes both ways: bytes in a row, or whole packets.
#pragma once

#include <array>
#include <vector>

#include <tenon/os/fd.hpp>

#include "bench/floors/patience.hpp"
#include "bench/link.hpp"

namespace bench {

/// What one side reads and writes. A socket has one descriptor, in `in`.
struct Ends {
  tenon::os::Fd in;
  tenon::os::Fd out;
};

enum class Kind : std::uint8_t { bytes, packets, lossy_packets };

/// Blocking descriptors for Waiting::block, so that a call is all that a message takes.
std::unique_ptr<Link> make_descriptor_link(const Setting& setting, Ends ends, Kind kind);

/// Both ends are there before the processes are.
class InheritedEnds final : public Meeting {
 public:
  InheritedEnds(const Setting& setting, std::array<Ends, 2> ends, Kind kind)
      : setting_(setting), ends_(std::move(ends)), kind_(kind) {}
  tenon::Result<std::unique_ptr<Link>> join(unsigned side, Exchange&) override {
    ends_[1 - side] = {};
    return make_descriptor_link(setting_, std::move(ends_[side]), kind_);
  }

 private:
  Setting setting_;
  std::array<Ends, 2> ends_;
  Kind kind_;
};

}  // namespace bench
