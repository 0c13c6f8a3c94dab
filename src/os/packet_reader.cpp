// Several packets with one call: recvmmsg(2).
#include <sys/socket.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstring>

#include "os/byte_stream.hpp"
#include "os/control_data.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr std::size_t room_for_packet = 72 * 1024;  ///< more than any tenon sends in one
/// A packet that was not alone moves to its place behind the others: cheaper than a call, if it is short.
constexpr std::size_t short_packet = 4096;
constexpr unsigned enough_in_a_row = 2;

bool is_cut(const msghdr& message) noexcept {
  return (message.msg_flags & (MSG_CTRUNC | MSG_TRUNC)) != 0;
}

}  // namespace

Transfer PacketReader::read(int socket, std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept {
  if (held_) return *std::exchange(held_, std::nullopt);
  const std::size_t count = std::min(most_packets, into.front().size / room_for_packet);
  // One call for several is the dearer one when there is only one.
  if (in_a_row_ >= enough_in_a_row && into.size() == 1 && count > 1)
    return read_several(socket, into.front(), count, descriptors);
  const Transfer transfer = receive_message(socket, into, descriptors);
  in_a_row_ = transfer.count > 0 && transfer.count <= short_packet ? in_a_row_ + 1 : 0;
  return transfer;
}

Transfer PacketReader::read_several(int socket, Slice into, std::size_t count,
                                    std::vector<Fd>& descriptors) noexcept {
  std::array<mmsghdr, most_packets> packets{};
  std::array<iovec, most_packets> places;
  std::array<ControlRoom<most_descriptors_at_once, false>, most_packets> control;
  for (std::size_t i = 0; i < count; ++i) {
    places[i] = {into.data + i * room_for_packet, room_for_packet};
    packets[i].msg_hdr.msg_iov = &places[i];
    packets[i].msg_hdr.msg_iovlen = 1;
    control[i].attach_to(packets[i].msg_hdr);
  }
  in_a_row_ = 0;
  const int got = retry([&] {
    return ::recvmmsg(socket, packets.data(), static_cast<unsigned>(count), MSG_DONTWAIT | MSG_CMSG_CLOEXEC,
                      nullptr);
  });
  if (got < 0 && errno == EAGAIN) return {0, EAGAIN};
  if (got < 0) return receive_message(socket, {&into, 1}, descriptors);  // what that makes of errors
  if (got > 1) in_a_row_ = enough_in_a_row;
  Transfer all;
  for (std::size_t i = 0; i < static_cast<std::size_t>(got); ++i) {
    msghdr& message = packets[i].msg_hdr;
    const std::size_t size = packets[i].msg_len;
    if (message.msg_controllen != 0) take_descriptors(message, descriptors);
    if (is_cut(message) || size == 0) {
      held_ = Transfer{0, is_cut(message) ? EBADMSG : 0};
      break;
    }
    if (i > 0) std::memmove(into.data + all.count, places[i].iov_base, size);
    if (size > short_packet) in_a_row_ = 0;
    all.count += size;
  }
  return all.count > 0 ? all : *std::exchange(held_, std::nullopt);
}

}  // namespace tenon::os
