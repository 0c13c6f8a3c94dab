// framing=raw: the one queue with the key of a path and a project, as any program has it that uses ftok(3).
#pragma once

#include <memory>

#include "channel/contract.hpp"
#include "channel/sysv_mq/sysv_options.hpp"

namespace tenon::sysv_mq {

Result<std::unique_ptr<Endpoint>> connect_plain(const Address& address, const SysvOptions& options,
                                                const Traits& traits);
Result<std::unique_ptr<Acceptor>> listen_plain(const Address& address, const SysvOptions& options,
                                               const Traits& traits);

}  // namespace tenon::sysv_mq
