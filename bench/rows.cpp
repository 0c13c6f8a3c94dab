#include "bench/rows.hpp"

#include <bit>

#include <fmt/format.h>
#include <tenon/units.hpp>

#include "bench/channel_link.hpp"
#include "bench/floors/floor.hpp"
#include "bench/peers/peer.hpp"

namespace bench {
namespace {

constexpr std::size_t half_a_ring = 1 << 20;

/// What is added to the options of `row`: a ring of mmap holds messages of up to half of it.
std::string options_for(const Row& row, const Setting& setting) {
  if (row.scheme != "mmap" || !setting.in_place || setting.size < half_a_ring) return row.options;
  return fmt::format("capacity={}", std::bit_ceil(4 * setting.size));
}

}  // namespace

std::vector<Row> all_rows() {
  std::vector<Row> rows;
  for (const auto& transport : tenon::transports()) {
    const std::string scheme(transport.scheme);
    rows.push_back({scheme, scheme, "", transport.traits});
    if (scheme != "unix") continue;
    rows.push_back({"unix seqpacket", scheme, "type=seqpacket", transport.traits});
    rows.push_back({"unix dgram", scheme, "type=dgram", transport.traits});
  }
  for (const Peer& peer : peers()) {
    tenon::Traits traits{{tenon::Trait::message_boundaries, tenon::Trait::lossless}, most_copied};
    if (peer.in_place) traits.set.add(tenon::Trait::zero_copy);
    rows.push_back({peer.row, peer.row.substr(0, peer.row.find(' ')), "", traits, peer.version});
  }
  return rows;
}

std::string obstacle(const Row& row, bool floor, Workload workload, std::size_t size) {
  if (floor && floor_of(row.name) == nullptr) return "no floor is written for this row yet";
  if (workload == Workload::connect && !row.traits.has(tenon::Trait::unrelated_processes))
    return "its two ends are inherited";
  if (workload == Workload::fan_in && !row.traits.has(tenon::Trait::many_peers))
    return "a listener has one channel at a time";
  if (size > most_copied && workload != Workload::in_place)
    return fmt::format("beyond {} only in place", tenon::format_size(most_copied));
  if (workload == Workload::in_place && row.scheme == "mmap" && size > most_in_mapped_file)
    return fmt::format("beyond {} in place not measured: the file has eight times as much",
                       tenon::format_size(most_in_mapped_file));
  if (size <= row.traits.max_message_size) return {};
  return fmt::format("a message may have {}", tenon::format_size(row.traits.max_message_size));
}

tenon::Result<MeetingPtr> prepare(const Row& row, bool floor, const Setting& setting) {
  if (!row.peer.empty()) return peer_of(row.name)->prepare(setting);
  if (floor) return floor_of(row.name)->prepare(setting);
  return meet_over_channel(row.scheme, options_for(row, setting), setting);
}

}  // namespace bench
