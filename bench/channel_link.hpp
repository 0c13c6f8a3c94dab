// A channel of tenon as something to measure.
#pragma once

#include <string>
#include <string_view>

#include <tenon/channel.hpp>

#include "bench/link.hpp"

namespace bench {

/// An address of `scheme` that nobody else uses, in the folder of `setting`; "" for transports whose two ends are
/// inherited. `options` are added to it. Transports that are new get a name in the folder as their place.
std::string address_for(std::string_view scheme, std::string_view options, const Setting& setting);

/// Meets at such an address, or over inherited pipes (`pipe:`) or sockets (`fd:`).
tenon::Result<MeetingPtr> meet_over_channel(std::string_view scheme, std::string_view options,
                                            const Setting& setting);

std::unique_ptr<Link> make_channel_link(tenon::Channel channel);

}  // namespace bench
