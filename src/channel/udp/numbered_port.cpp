#include "channel/udp/numbered_port.hpp"

#include <array>
#include <cerrno>
#include <cstring>

namespace tenon {
namespace {

using wire::DatagramKind;

/// Before a call that found only datagrams of strangers looks at its deadline again.
constexpr int most_strangers = 64;

}  // namespace

os::Transfer NumberedPort::send_datagram(DatagramKind kind, ByteView payload) noexcept {
  auto header = wire::encode_datagram({kind, sent_, tokens_.theirs});
  if (header.size() + payload.size() <= staged_.size()) {
    std::memcpy(staged_.data(), header.data(), header.size());
    if (!payload.empty()) std::memcpy(staged_.data() + header.size(), payload.data(), payload.size());
    const os::Slice whole{staged_.data(), header.size() + payload.size()};
    return os::send_message(socket_.get(), {&whole, 1}, {});
  }
  const std::array<os::Slice, 2> parts{
      os::Slice{header.data(), header.size()},
      os::Slice{const_cast<std::byte*>(payload.data()), payload.size()},
  };
  return os::send_message(socket_.get(), parts, {});
}

os::Transfer NumberedPort::send(ByteView packet, std::span<const int>) noexcept {
  const os::Transfer transfer = send_datagram(DatagramKind::data, packet);
  if (transfer.error == 0) ++sent_;
  return transfer;
}

os::Transfer NumberedPort::finish() noexcept {
  finished_ = true;
  return send_datagram(DatagramKind::close, {});
}

/// A goodbye may be lost like anything else: a second one costs little.
void NumberedPort::close() noexcept {
  if (finished_ && !ended_) static_cast<void>(send_datagram(DatagramKind::close, {}));
  socket_.reset();
}

void NumberedPort::welcome() noexcept {
  auto greeting = wire::encode_greeting({{DatagramKind::welcome, 0, tokens_.theirs}, tokens_.ours});
  const os::Slice slice{greeting.data(), greeting.size()};
  static_cast<void>(os::send_message(socket_.get(), {&slice, 1}, {}));
}

/// Counts those that are missing before it. False for one that came before, or too late.
bool NumberedPort::is_next(const wire::DatagramHeader& header) noexcept {
  const std::uint32_t missing = header.sequence - expected_;
  if (missing > UINT32_MAX / 2) return false;
  lost_ += missing;
  expected_ = header.sequence + 1;
  return true;
}

os::Transfer NumberedPort::receive(ByteSpan into, std::vector<os::Fd>&) noexcept {
  if (ended_) return {0, EPIPE};
  const auto front = into.first<wire::datagram_header_size>();
  for (int strangers = 0; strangers < most_strangers; ++strangers) {
    const os::Transfer transfer = os::receive_datagram(socket_.get(), into);
    if (transfer.lost_part()) continue;  // larger than anything that was agreed on
    if (transfer.error != 0) return transfer;
    if (transfer.count < front.size()) continue;
    const auto header = wire::decode_datagram(front);
    if (!header || header->token != tokens_.ours) continue;
    const std::size_t size = transfer.count - front.size();
    if (header->kind == DatagramKind::data && is_next(*header)) return {size, 0};
    if (header->kind == DatagramKind::close && size == 0 && is_next(*header)) {
      ended_ = true;
      return {0, EPIPE};
    }
    if (header->kind == DatagramKind::confirm && is_listener_) welcome();
  }
  return {0, EAGAIN};
}

}  // namespace tenon
