#include "bench/peers/peer.hpp"

#include <algorithm>
#include <array>

#include <fmt/format.h>

namespace bench {
namespace {

struct Library {
  const char* name;
  const char* packages;
  std::vector<Peer> (*peers)();
};

constexpr std::array libraries{
    Library{"ZeroMQ", "libzmq5", zeromq_peers},
    Library{"nng", "libnng1", nng_peers},
    Library{"nanomsg", "libnanomsg5", nanomsg_peers},
    Library{"Boost.Interprocess", "libboost-dev, before tenon is built", boost_peers},
    Library{"iceoryx", "iceoryx and libiceoryx-binding-c2", iceoryx_peers},
};

}  // namespace

std::span<const Peer> peers() {
  static const std::vector<Peer> all = [] {
    std::vector<Peer> found;
    for (const auto& library : libraries) {
      const auto some = library.peers();
      found.insert(found.end(), some.begin(), some.end());
    }
    return found;
  }();
  return all;
}

std::vector<std::string> missing_peers() {
  std::vector<std::string> missing;
  for (const auto& library : libraries) {
    if (library.peers().empty()) missing.push_back(fmt::format("{} ({})", library.name, library.packages));
  }
  return missing;
}

void stop_peers() {
  stop_iceoryx();
}

const Peer* peer_of(std::string_view row) {
  const auto found = std::ranges::find(peers(), row, &Peer::row);
  return found == peers().end() ? nullptr : &*found;
}

}  // namespace bench
