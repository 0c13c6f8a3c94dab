// The options of sysv-mq:, read from an address, and whom they trust.
#pragma once

#include <optional>
#include <string>

#include "channel/options.hpp"
#include "os/sysv_port.hpp"

namespace tenon::sysv_mq {

struct SysvOptions {
  int project = 1;
  std::optional<std::size_t> capacity;
  std::optional<std::string> owner;
  os::SysvPort::Types types;
  Framing framing = Framing::message;
};

/// Errors: invalid_argument.
Result<SysvOptions> sysv_options_of(const Address& address);

/// Whether a listener, or a queue, of that user is one to talk to: our own, root's, or one that owner= names.
Result<bool> is_trusted(unsigned uid, const SysvOptions& options);
/// "nobody (uid 65534): if you trust it, add owner=nobody to the address"
std::string how_to_trust(unsigned uid);

}  // namespace tenon::sysv_mq
