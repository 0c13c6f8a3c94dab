// What the two files of unix: share: the options of its addresses.
#pragma once

#include <optional>
#include <string>

#include <tenon/os/unix_socket.hpp>

#include "channel/options.hpp"
#include "channel/socket_place.hpp"
#include "channel/stream.hpp"

namespace tenon {

struct UnixOptions {
  os::SocketType type = os::SocketType::stream;
  std::optional<std::size_t> capacity;
  Framing framing = Framing::message;
};

/// Errors: invalid_argument, with what would be right.
Result<UnixOptions> unix_options_of(const Address& address);
std::unexpected<Error> bad_address(const Address& address, std::string advice);

/// Gives the sending socket `fd` what capacity= asks for. Errors: resource_limit.
Result<void> set_capacity(const Address& address, int fd, const UnixOptions& options);

/// type=dgram: how its two sides meet (datagrams.cpp).
Result<StreamConnection> dial_datagrams(const Address& address, const UnixOptions& options,
                                        Deadline deadline);
Result<StreamListener> bind_datagrams(const Address& address, const UnixOptions& options);

/// Likewise with framing=raw (mailbox.cpp).
Result<std::unique_ptr<Endpoint>> connect_plain_datagrams(const Address& address, const UnixOptions& options,
                                                          Traits traits, Deadline deadline);
Result<std::unique_ptr<Acceptor>> listen_plain_datagrams(const Address& address, const UnixOptions& options,
                                                         Traits traits);

}  // namespace tenon
