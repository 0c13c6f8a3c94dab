#include "wire/frame.hpp"

#include <algorithm>

#include "wire/little_endian.hpp"

namespace tenon::wire {

std::size_t encode_header(const FrameHeader& header, std::byte* out) noexcept {
  store<std::uint32_t>(out, header.length);
  out[4] = static_cast<std::byte>(header.kind);
  out[5] = static_cast<std::byte>(header.descriptors);
  store<std::uint16_t>(out + 6, 0);
  const std::size_t size = header_size(header.kind, header.length);
  if (size == 16) store<std::uint64_t>(out + 8, header.total);
  return size;
}

std::size_t encode_tail(std::size_t length, Mark mark, std::byte* out) noexcept {
  const std::size_t size = tail_size(length);
  std::fill_n(out, size - 1, std::byte{0});
  out[size - 1] = static_cast<std::byte>(mark);
  return size;
}

std::expected<std::optional<FrameHeader>, const char*> decode_header(ByteView bytes) noexcept {
  if (bytes.size() < 8) return std::nullopt;
  FrameHeader header;
  header.length = load<std::uint32_t>(bytes.data());
  header.kind = static_cast<FrameKind>(bytes[4]);
  header.descriptors = static_cast<std::uint8_t>(bytes[5]);
  if (load<std::uint16_t>(bytes.data() + 6) != 0) return std::unexpected("a reserved byte is not zero");
  if (header.length > max_chunk) return std::unexpected("a frame is longer than 64 KiB");
  if (header.descriptors > max_descriptors)
    return std::unexpected("more than 4 descriptors with one message");
  switch (header.kind) {
    case FrameKind::whole:
      header.total = header.length;
      if (header.length <= short_message) return header;
      if (bytes.size() < 16) return std::nullopt;
      if (load<std::uint64_t>(bytes.data() + 8) != header.length)
        return std::unexpected("a message in one frame is said to have another size");
      return header;
    case FrameKind::first:
      if (header.length != max_chunk) return std::unexpected("a first frame is not full");
      if (bytes.size() < 16) return std::nullopt;
      header.total = load<std::uint64_t>(bytes.data() + 8);
      if (header.total <= max_chunk) return std::unexpected("a message of several frames would fit into one");
      return header;
    case FrameKind::middle:
      if (header.length != max_chunk) return std::unexpected("a middle frame is not full");
      break;
    case FrameKind::last:
      break;
    case FrameKind::close:
      if (header.length != 0) return std::unexpected("a close frame with a payload");
      break;
    default:
      return std::unexpected("an unknown kind of frame");
  }
  if (header.descriptors != 0) return std::unexpected("descriptors on a frame that carries none");
  return header;
}

std::optional<Mark> decode_tail(const std::byte* tail, std::size_t length) noexcept {
  const std::size_t size = tail_size(length);
  if (std::any_of(tail, tail + size - 1, [](std::byte padding) { return padding != std::byte{0}; }))
    return std::nullopt;
  const auto mark = static_cast<Mark>(tail[size - 1]);
  if (mark != Mark::committed && mark != Mark::withdrawn) return std::nullopt;
  return mark;
}

}  // namespace tenon::wire
