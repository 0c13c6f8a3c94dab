// The options of file:, read from an address once.
#pragma once

#include <cstdint>
#include <optional>
#include <string>

#include "channel/options.hpp"

namespace tenon::filelog {

struct FileOptions {
  ChannelOptions channel;
  NameOptions name;
  std::uint64_t capacity = 16U << 20;  ///< bytes of unread records in the direction that this side sends
  bool sync = false;                   ///< wait for the disk
  std::optional<std::string> owner;    ///< whose folder is trusted besides our own user's and root's

  /// Errors: invalid_argument, unsupported (framing=).
  static Result<FileOptions> from(const Address& address);
};

}  // namespace tenon::filelog
