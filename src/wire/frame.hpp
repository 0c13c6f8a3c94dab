// How a message travels on a stream of bytes: as frames. docs/wire-format.md is the specification, byte by
// byte.
//
//     header | payload | zeros up to a multiple of 8, at least one byte | the last of them: mark
//
// The header has 8 bytes, or 16 with the size of a message of more than short_message bytes.
//
// A message of at most max_chunk bytes is one `whole` frame. A longer one is `first`, `middle`…, `last`,
// where all but the last carry exactly max_chunk bytes. The mark is the last byte to be written: a sender
// whose deadline passes in mid-frame completes the frame with zeros and marks it `withdrawn`, and the
// receiver forgets the message. That is how a send can time out without the peer ever seeing the message, and
// the stream goes on.
//
// Pure functions over bytes; no I/O, no state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <cstring>
#include <expected>
#include <optional>

#include <tenon/bytes.hpp>

#include "wire/little_endian.hpp"

namespace tenon::wire {

inline constexpr std::size_t max_chunk = 64 * 1024;  ///< payload bytes in one frame
inline constexpr std::size_t short_message = 4096;  ///< bytes; the header of a longer one says its total size
inline constexpr std::size_t max_header = 16;
inline constexpr std::size_t max_frame = max_header + max_chunk + 8;
inline constexpr std::uint8_t max_descriptors = 4;  ///< that may come along with one message

enum class FrameKind : std::uint8_t {
  whole = 1,  ///< a message in one frame
  first = 2,  ///< begins a message of more than max_chunk bytes; its header has the total size
  middle = 3,
  last = 4,
  close = 5,  ///< the sender will send nothing more
};

enum class Mark : std::uint8_t { committed = 0xC3, withdrawn = 0x3C };

struct FrameHeader {
  FrameKind kind = FrameKind::whole;
  std::uint8_t descriptors = 0;  ///< how many came along; whole and first only
  std::uint32_t length = 0;      ///< payload bytes in this frame
  std::uint64_t total = 0;       ///< payload bytes of the message; whole and first only
};

/// Of a long payload the place in the stream is a multiple of 16 behind what was there before: where the kernel copies to
/// a place 1 to 15 bytes (modulo 4,096) beyond the one that it copies from, some processors take many times as long.
constexpr std::size_t header_size(FrameKind kind, std::size_t length) noexcept {
  return kind == FrameKind::first || (kind == FrameKind::whole && length > short_message) ? 16 : 8;
}
/// Padding and mark after a payload of `length` bytes: 1 to 8.
constexpr std::size_t tail_size(std::size_t length) noexcept {
  return 8 - length % 8;
}
constexpr std::size_t frame_size(const FrameHeader& header) noexcept {
  return header_size(header.kind, header.length) + header.length + tail_size(header.length);
}

/// Writes the header to `out` (max_header bytes) and returns its size.
std::size_t encode_header(const FrameHeader& header, std::byte* out) noexcept;
/// Writes padding and mark to `out` (8 bytes) and returns their size.
std::size_t encode_tail(std::size_t length, Mark mark, std::byte* out) noexcept;

/// The header at the start of `bytes`; empty when more bytes are needed; otherwise the rule that it breaks
/// (static storage). Checks everything that one header can be checked for: kind, reserved bytes, lengths,
/// total > max_chunk.
std::expected<std::optional<FrameHeader>, const char*> decode_header(ByteView bytes) noexcept;

/// The mark of a frame whose payload has `length` bytes; `tail` is its padding and mark. Empty: neither mark,
/// or padding that is not zero.
std::optional<Mark> decode_tail(const std::byte* tail, std::size_t length) noexcept;

// The usual case, a short message in one committed frame without descriptors, in few instructions: the frame's last eight
// bytes are what is left of the payload, zeros and the mark.

inline constexpr std::size_t short_header = header_size(FrameKind::whole, 0);

/// Lays it out at `out`, which has room for frame_size(), and returns its size. At most short_message bytes of payload.
inline std::size_t encode_plain(ByteView payload, std::byte* out) noexcept {
  const std::size_t length = payload.size();
  const std::size_t size = short_header + length + tail_size(length);
  store<std::uint64_t>(out, std::uint64_t{static_cast<std::uint8_t>(FrameKind::whole)} << 32U | length);
  store<std::uint64_t>(out + size - 8, std::uint64_t{static_cast<std::uint8_t>(Mark::committed)} << 56U);
  if (length > 0) std::memcpy(out + short_header, payload.data(), length);
  return size;
}

/// How long the payload is when `bytes` begin with all of such a frame. Empty: whatever else it is.
inline std::optional<std::uint32_t> decode_plain(ByteView bytes) noexcept {
  if (bytes.size() < 16) return std::nullopt;
  const auto header = load<std::uint64_t>(bytes.data());
  const auto length = static_cast<std::uint32_t>(header);
  if (header >> 32U != static_cast<std::uint8_t>(FrameKind::whole) || length > short_message)
    return std::nullopt;
  const std::size_t size = short_header + length + tail_size(length);
  if (bytes.size() < size) return std::nullopt;
  const auto end = load<std::uint64_t>(bytes.data() + size - 8);
  const unsigned payload_bits = 8 * (length % 8);
  const auto mark = std::uint64_t{static_cast<std::uint8_t>(Mark::committed)};
  return end >> payload_bits == mark << (56 - payload_bits) ? std::optional(length) : std::nullopt;
}

}  // namespace tenon::wire
