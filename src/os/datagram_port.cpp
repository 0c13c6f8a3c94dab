#include "os/datagram_port.hpp"

namespace tenon::os {

Transfer DatagramPort::send(ByteView packet, std::span<const int> descriptors) noexcept {
  const Slice slice{const_cast<std::byte*>(packet.data()), packet.size()};
  return send_message(socket_.get(), {&slice, 1}, descriptors);
}

Transfer DatagramPort::receive(ByteSpan into, std::vector<Fd>& descriptors) noexcept {
  const Slice slice{into.data(), into.size()};
  return receive_message(socket_.get(), {&slice, 1}, descriptors);
}

}  // namespace tenon::os
