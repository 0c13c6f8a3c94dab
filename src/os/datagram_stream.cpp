#include "os/datagram_stream.hpp"

#include <sys/socket.h>
#include <cerrno>

#include "os/retry.hpp"

namespace tenon::os {

/// A peer that says something on the line breaks the rules, and is as good as gone.
bool DatagramStream::peer_is_gone() const noexcept {
  char nothing;
  const auto look = [&] {
    return ::recv(ends_.line.get(), &nothing, sizeof nothing, MSG_PEEK | MSG_DONTWAIT);
  };
  return retry(look) >= 0 || errno != EAGAIN;
}

Transfer DatagramStream::read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept {
  const Transfer transfer = glance(into, descriptors);
  if (!transfer.would_block() || !peer_is_gone()) return transfer;
  const Transfer last = receive_message(ends_.in.get(), into, descriptors);  // sent just before it went
  return last.would_block() ? Transfer{} : last;
}

Transfer DatagramStream::write(std::span<const Slice> from, std::span<const int> descriptors) noexcept {
  const Transfer transfer = send_message(ends_.out.get(), from, descriptors);
  if (transfer.would_block() && peer_is_gone()) return {0, EPIPE};
  return transfer;
}

void DatagramStream::abort() noexcept {
  end_reading(ends_.in.get());
  ::shutdown(ends_.line.get(), SHUT_RDWR);
}

}  // namespace tenon::os
