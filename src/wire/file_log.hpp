// What the transport file: writes into its files: lines and records that a person can read. docs/file-format.md is
// the specification, byte by byte.
//
// Everything but the payload is text of fixed width. Each line carries its own checksum, and a record that of its
// payload too, so that a file cut short is told from one that was damaged.
//
// Pure functions over bytes; no I/O, no state.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <tenon/bytes.hpp>

namespace tenon::wire {

// ---- Segments: a line, then records

inline constexpr std::size_t segment_header_size = 96;
inline constexpr std::size_t record_header_size = 56;
/// What fits into the twelve digits of a record's length.
inline constexpr std::uint64_t max_record_length = 999'999'999'999;
/// What fits into the sixteen digits of every other number.
inline constexpr std::uint64_t max_number = 9'999'999'999'999'999;

struct SegmentHeader {
  std::uint64_t number = 0;   ///< of this segment: 1, 2, …
  std::uint64_t session = 0;  ///< of the conversation in which it was written: 1, 2, …
  std::uint64_t first = 0;    ///< sequence number of the first message in it

  friend bool operator==(const SegmentHeader&, const SegmentHeader&) = default;
};

enum class RecordKind : std::uint8_t {
  message,
  next,   ///< this segment ends here, and goes on in the one with the next number
  close,  ///< in this session nothing more will be sent
};

struct RecordHeader {
  RecordKind kind = RecordKind::message;
  std::uint64_t sequence = 0;  ///< a message's number, from 1; of the others: what the next message will have
  std::uint64_t length = 0;    ///< bytes of payload
  std::uint32_t checksum = 0;  ///< CRC-32C of the payload

  friend bool operator==(const RecordHeader&, const RecordHeader&) = default;
};

/// The line, and its checksum, from which those of the records go on: so a record counts only in its own segment.
std::array<std::byte, segment_header_size> encode_segment_header(const SegmentHeader& header) noexcept;
std::uint32_t segment_checksum(const std::byte* line) noexcept;
/// `line` has segment_header_size bytes. Empty: it is no such line.
std::optional<SegmentHeader> decode_segment_header(const std::byte* line) noexcept;

/// Writes record_header_size bytes.
void encode_record_header(const RecordHeader& header, std::uint32_t segment_checksum,
                          std::byte* out) noexcept;
std::optional<RecordHeader> decode_record_header(const std::byte* in,
                                                 std::uint32_t segment_checksum) noexcept;

/// Blanks and a line end behind a payload of `length` bytes: 1 to 8 bytes, up to a multiple of 8.
constexpr std::size_t record_tail_size(std::uint64_t length) noexcept {
  return 8 - length % 8;
}
constexpr std::uint64_t record_size(std::uint64_t length) noexcept {
  return record_header_size + length + record_tail_size(length);
}
/// Writes record_tail_size(length) bytes, and returns how many.
std::size_t encode_record_tail(std::uint64_t length, std::byte* out) noexcept;
bool is_record_tail(const std::byte* tail, std::uint64_t length) noexcept;

// ---- How far a reader has got: two lines in turn, of which the one with the higher count is valid

inline constexpr std::size_t position_size = 112;

struct Position {
  std::uint64_t count = 0;    ///< how often it was written
  std::uint64_t segment = 0;  ///< 0: before the first
  std::uint64_t offset = 0;   ///< bytes from the beginning of that segment
  std::uint64_t next = 1;     ///< sequence number of the next message

  friend bool operator==(const Position&, const Position&) = default;
};

std::array<std::byte, position_size> encode_position(const Position& position) noexcept;
std::optional<Position> decode_position(const std::byte* line) noexcept;

/// Behind the two: a line that says whether the sender waits for room. Of its two words the second one tells.
inline constexpr std::size_t room_line_at = 2 * position_size;
inline constexpr std::size_t room_line_size = 16;
inline constexpr std::size_t room_word_at = room_line_at + 8;
inline constexpr std::size_t position_file_size = room_line_at + room_line_size;

std::array<std::byte, room_line_size> encode_room_line(bool waits) noexcept;
/// The second word of such a line, as it is in memory.
std::uint64_t room_word(bool waits) noexcept;

// ---- The file `tenon`: what this folder is, and who is there

inline constexpr std::size_t presence_size = 96;

enum class Role : std::uint8_t { listener, connector };

enum class Stage : std::uint8_t {
  waiting,  ///< a listener without a peer; or nobody was here yet
  calling,  ///< a connector that wants to be accepted in `session`
  talking,  ///< a listener that has accepted `session`
  refused,  ///< a listener that could not
  left,     ///< has ended its part of `session`
};

struct Presence {
  Role role = Role::listener;
  std::uint64_t process = 0;
  std::uint64_t session = 0;
  Stage stage = Stage::waiting;
  std::uint64_t max_message_size = 0;  ///< in bytes of payload, that this side receives

  friend bool operator==(const Presence&, const Presence&) = default;
};

std::array<std::byte, presence_size> encode_presence(const Presence& presence) noexcept;
std::optional<Presence> decode_presence(const std::byte* line) noexcept;

/// The first line. `made`: by us, so the folder goes when nothing is left in it.
std::array<std::byte, presence_size> encode_folder_line(bool made) noexcept;
std::optional<bool> decode_folder_line(const std::byte* line) noexcept;

}  // namespace tenon::wire
