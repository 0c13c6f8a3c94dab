#include "channel/unix/unix_options.hpp"

#include <tenon/units.hpp>

#include "base/try.hpp"
#include "wire/frame.hpp"

namespace tenon {
std::unexpected<Error> bad_address(const Address& address, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
}

Result<UnixOptions> unix_options_of(const Address& address) {
  UnixOptions options;
  options.framing = TRY(ChannelOptions::from(address)).framing;
  if (const auto type = address.option("type")) {
    if (*type == "seqpacket")
      options.type = os::SocketType::seqpacket;
    else if (*type == "dgram")
      options.type = os::SocketType::datagram;
    else if (*type != "stream")
      return bad_address(address, "type=" + std::string(*type) + ": it is stream, seqpacket or dgram");
  }
  const bool plain_datagrams = options.type == os::SocketType::datagram && options.framing == Framing::raw;
  if (options.type != os::SocketType::stream && options.framing != Framing::message && !plain_datagrams) {
    return bad_address(address,
                       "framing=lines and framing=raw need a stream of bytes: leave type=" +
                           std::string(*address.option("type")) +
                           " out (datagrams can be raw, and are messages then: type=dgram&framing=raw)");
  }
  if (const auto capacity = address.option("capacity")) {
    const auto size = parse_size(*capacity);
    if (!size) return bad_address(address, "capacity: " + std::string(size.error().advice()));
    // The largest frame must fit into the buffer: packets go whole or not at all.
    if (options.type != os::SocketType::stream && !plain_datagrams && *size < 2 * wire::max_chunk) {
      return bad_address(address,
                         "capacity: type=" + std::string(*address.option("type")) + " needs at least 128K");
    }
    options.capacity = *size;
  }
  return options;
}

Result<void> set_capacity(const Address& address, int fd, const UnixOptions& options) {
  if (!options.capacity) return {};
  auto set = os::set_send_buffer(fd, *options.capacity);
  if (!set) return std::unexpected(set.error().with("set capacity of", address.to_string()));
  return {};
}

}  // namespace tenon
