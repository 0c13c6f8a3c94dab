// The options of mmap:, read from an address once.
#pragma once

#include <cstdint>

#include "channel/options.hpp"
#include "os/trusted_owner.hpp"

namespace tenon::mapped {

struct MmapOptions {
  ChannelOptions channel;
  NameOptions name;
  std::uint64_t capacity = 2 << 20;  ///< bytes of each ring, for the listener that makes the file
  os::TrustedOwner trusted;

  /// Errors: invalid_argument.
  static Result<MmapOptions> from(const Address& address);
};

}  // namespace tenon::mapped
