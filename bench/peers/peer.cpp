#include "bench/peers/peer.hpp"

#include <algorithm>

namespace bench {

std::span<const Peer> peers() {
  static const std::vector<Peer> all = [] {
    std::vector<Peer> found;
    for (const auto& some : {zeromq_peers(), nng_peers(), nanomsg_peers(), boost_peers()})
      found.insert(found.end(), some.begin(), some.end());
    return found;
  }();
  return all;
}

const Peer* peer_of(std::string_view row) {
  const auto found = std::ranges::find(peers(), row, &Peer::row);
  return found == peers().end() ? nullptr : &*found;
}

}  // namespace bench
