// framing=lines and framing=raw: channels that talk with programs that are not ours, over the same byte
// streams.
#pragma once

#include "channel/stream.hpp"

namespace tenon {

/// `options.framing` is lines or raw; `traits` are reduced already.
Result<std::unique_ptr<Endpoint>> open_raw_stream(const Address& address, StreamConnection connection,
                                                  Traits traits, const ChannelOptions& options);

}  // namespace tenon
