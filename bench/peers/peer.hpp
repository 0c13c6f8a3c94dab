// Other libraries for the same job, measured beside ours where they are installed: each as its manual says to use it
// between two processes, with the same ways of waiting. They are opened at run time, so nothing is built against
// them; Boost's, which is headers only, is there when it was when this was built.
#pragma once

#include <span>
#include <string>
#include <string_view>
#include <vector>

#include "bench/link.hpp"

namespace bench {

struct Peer {
  std::string row;      ///< "zeromq ipc"
  std::string version;  ///< "4.3.4"
  /// Errors: unsupported, when it cannot be measured now, which is nobody's failure.
  tenon::Result<MeetingPtr> (*prepare)(const Setting& setting);
  bool in_place = false;  ///< its links lend memory
};

/// Those that are installed.
std::span<const Peer> peers();
/// Those that are not, each with what Debian calls it: "nng (libnng1)".
std::vector<std::string> missing_peers();
/// After a run: ends what was started for it.
void stop_peers();
/// Null if there is none.
const Peer* peer_of(std::string_view row);

/// Those of one library, each empty where it is not installed.
std::vector<Peer> zeromq_peers();
std::vector<Peer> nng_peers();
std::vector<Peer> nanomsg_peers();
std::vector<Peer> boost_peers();
std::vector<Peer> iceoryx_peers();
void stop_iceoryx();

/// What a connecting side is told: side 1 opens the place and publishes it, side 0 waits for that.
template <typename Open>
tenon::Result<std::unique_ptr<Link>> join_at(const std::string& place, unsigned side, Exchange& exchange,
                                             const Open& open) {
  exchange.side(side).calls_known = false;  // the library's own threads make some
  if (side == 0) {
    const auto published = exchange.published();
    if (!published) return std::unexpected(published.error());
    return open(*published, false);
  }
  auto link = open(place, true);
  if (link) exchange.publish(place);
  return link;
}

}  // namespace bench
