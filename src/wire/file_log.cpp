#include "wire/file_log.hpp"

#include <algorithm>
#include <bit>
#include <cstring>
#include <initializer_list>
#include <string_view>
#include <utility>

#include "base/crc32c.hpp"

namespace tenon::wire {
namespace {

constexpr std::size_t checksum_digits = 8;
/// Behind the text of a line: blank, '#', blank, checksum, line end.
constexpr std::size_t seal_size = 3 + checksum_digits + 1;

// ---- Digits

// Eight digits are one word, and every operation below is on all of them: the first digit is the lowest byte.

constexpr std::size_t word_digits = 8;
constexpr std::uint64_t word_limit = 100'000'000;
constexpr std::size_t most_digits = 2 * word_digits;
constexpr std::uint64_t zeros = 0x3030303030303030;

std::uint64_t little_endian(std::uint64_t word) noexcept {
  return std::endian::native == std::endian::big ? std::byteswap(word) : word;
}

/// Of a number below word_limit.
std::uint64_t digits_of(std::uint64_t value) noexcept {
  const std::uint64_t fours = value / 10'000 | (value % 10'000) << 32;
  const std::uint64_t hundreds = (fours * 10'486 >> 20) & 0x0000007F0000007F;  // / 100
  const std::uint64_t twos = hundreds | (fours - hundreds * 100) << 16;
  const std::uint64_t tens = (twos * 103 >> 10) & 0x000F000F000F000F;  // / 10
  return (tens | (twos - tens * 10) << 8) + zeros;
}

std::uint64_t number_of(std::uint64_t digits) noexcept {
  const std::uint64_t ones = digits - zeros;
  const std::uint64_t twos = (ones * 10 + (ones >> 8)) & 0x00FF00FF00FF00FF;
  const std::uint64_t fours = (twos * 100 + (twos >> 16)) & 0x0000FFFF0000FFFF;
  return (fours * 10'000 + (fours >> 32)) & 0xFFFFFFFF;
}

bool are_digits(std::uint64_t word) noexcept {
  constexpr std::uint64_t high = 0xF0F0F0F0F0F0F0F0;
  return ((word & high) | ((word + 0x0606060606060606) & high) >> 4) == 0x3333333333333333;
}

/// At most 16 digits.
void put_number(std::byte* out, std::size_t width, std::uint64_t value) noexcept {
  const std::array<std::uint64_t, 2> words{little_endian(digits_of(value / word_limit % word_limit)),
                                           little_endian(digits_of(value % word_limit))};
  std::memcpy(out, reinterpret_cast<const std::byte*>(words.data()) + most_digits - width, width);
}

bool get_number(const std::byte* in, std::size_t width, std::uint64_t& value) noexcept {
  std::array<std::uint64_t, 2> words{zeros, zeros};
  std::memcpy(reinterpret_cast<std::byte*>(words.data()) + most_digits - width, in, width);
  const std::uint64_t high = little_endian(words[0]);
  const std::uint64_t low = little_endian(words[1]);
  value = number_of(high) * word_limit + number_of(low);
  return are_digits(high) && are_digits(low);
}

/// In hexadecimal.
std::uint64_t checksum_digits_of(std::uint32_t value) noexcept {
  std::uint64_t digits = std::byteswap(std::uint64_t{value}) >> 32;  // the first digits lowest, in pairs
  digits = (digits | digits << 16) & 0x0000FFFF0000FFFF;
  digits = (digits | digits << 8) & 0x00FF00FF00FF00FF;
  digits = (digits >> 4 | digits << 8) & 0x0F0F0F0F0F0F0F0F;
  const std::uint64_t letters = (digits + 0x0606060606060606) >> 4 & 0x0101010101010101;
  return digits + zeros + letters * ('a' - '0' - 10);
}

void put_checksum(std::byte* out, std::uint32_t value) noexcept {
  const std::uint64_t digits = little_endian(checksum_digits_of(value));
  std::memcpy(out, &digits, checksum_digits);
}

bool get_checksum(const std::byte* in, std::uint32_t& value) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, in, checksum_digits);
  word = little_endian(word);
  const std::uint64_t letters = word >> 6 & 0x0101010101010101;
  std::uint64_t digits = (word & 0x0F0F0F0F0F0F0F0F) + letters * 9;
  digits = (digits << 4 | digits >> 8) & 0x00FF00FF00FF00FF;
  digits = (digits | digits >> 8) & 0x0000FFFF0000FFFF;
  digits = (digits | digits >> 16) & 0xFFFFFFFF;
  value = std::byteswap(static_cast<std::uint32_t>(digits));
  return checksum_digits_of(value) == word;  // whatever else was there
}

// ---- Lines: words and numbers in turn, sealed by a checksum

/// A word as it is (a view), or a number of so many digits.
struct Part {
  std::string_view word;
  std::size_t width = 0;
  std::uint64_t* number = nullptr;
};

Part number(std::uint64_t& value, std::size_t width = 16) noexcept {
  return {{}, width, &value};
}
Part word(std::string_view text) noexcept {
  return {text};
}

template <std::size_t Size>
std::array<std::byte, Size> encode_line(std::initializer_list<Part> parts) noexcept {
  std::array<std::byte, Size> line;
  line.fill(std::byte{' '});
  std::byte* out = line.data();
  for (const Part& part : parts) {
    if (part.number != nullptr)
      put_number(out, part.width, *part.number);
    else
      std::memcpy(out, part.word.data(), part.word.size());
    out += part.number != nullptr ? part.width : part.word.size();
  }
  line[Size - seal_size + 1] = std::byte{'#'};
  put_checksum(line.data() + Size - checksum_digits - 1,
               base::crc32c(ByteView(line).first(Size - seal_size)));
  line[Size - 1] = std::byte{'\n'};
  return line;
}

template <std::size_t Size>
bool decode_line(const std::byte* line, std::initializer_list<Part> parts) noexcept {
  const std::byte* in = line;
  for (const Part& part : parts) {
    if (part.number != nullptr) {
      if (!get_number(in, part.width, *part.number)) return false;
      in += part.width;
    } else {
      if (std::memcmp(in, part.word.data(), part.word.size()) != 0) return false;
      in += part.word.size();
    }
  }
  constexpr std::string_view seal = " # ";
  const std::byte* end = line + Size - seal_size;
  const bool blank = std::all_of(in, end, [](std::byte byte) { return byte == std::byte{' '}; });
  std::uint32_t checksum = 0;
  return blank && std::memcmp(end, seal.data(), seal.size()) == 0 && line[Size - 1] == std::byte{'\n'} &&
         get_checksum(end + seal.size(), checksum) && checksum == base::crc32c({line, Size - seal_size});
}

// ---- Words

constexpr std::array<std::string_view, 3> kinds{"message ", "next    ", "close   "};
constexpr std::array<std::string_view, 2> roles{"listener ", "connector"};
constexpr std::array<std::string_view, 5> stages{"waiting", "calling", "talking", "refused", "left   "};

template <typename Enum, std::size_t Count>
std::optional<Enum> value_named(const std::array<std::string_view, Count>& names,
                                const std::byte* in) noexcept {
  for (std::size_t i = 0; i < Count; ++i) {
    if (std::memcmp(in, names[i].data(), names[i].size()) == 0) return static_cast<Enum>(i);
  }
  return std::nullopt;
}

template <typename Enum, std::size_t Count>
std::string_view name_of(const std::array<std::string_view, Count>& names, Enum value) noexcept {
  return names[static_cast<std::size_t>(value)];
}

constexpr std::string_view made_by_us = "made  ";
constexpr std::string_view found_there = "found ";
constexpr std::string_view folder_title = "tenon file channel, version 1; this folder was ";

}  // namespace

// ---- Segments

std::array<std::byte, segment_header_size> encode_segment_header(const SegmentHeader& header) noexcept {
  SegmentHeader copy = header;
  return encode_line<segment_header_size>({word("tenon log 1 segment "), number(copy.number),
                                           word(" session "), number(copy.session), word(" first "),
                                           number(copy.first)});
}

std::optional<SegmentHeader> decode_segment_header(const std::byte* line) noexcept {
  SegmentHeader header;
  if (!decode_line<segment_header_size>(
          line, {word("tenon log 1 segment "), number(header.number), word(" session "),
                 number(header.session), word(" first "), number(header.first)})) {
    return std::nullopt;
  }
  return header;
}

std::uint32_t segment_checksum(const std::byte* line) noexcept {
  return base::crc32c({line, segment_header_size - seal_size});
}

// Where the fields of a record's header are. The last checksum covers all before it.
constexpr std::size_t at_sequence = 8;
constexpr std::size_t at_length = 25;
constexpr std::size_t at_checksum = 38;
constexpr std::size_t at_seal = 47;

void encode_record_header(const RecordHeader& header, std::uint32_t segment_checksum,
                          std::byte* out) noexcept {
  std::memset(out, ' ', record_header_size);
  std::memcpy(out, name_of(kinds, header.kind).data(), at_sequence);
  put_number(out + at_sequence, 16, header.sequence);
  put_number(out + at_length, 12, header.length);
  put_checksum(out + at_checksum, header.checksum);
  put_checksum(out + at_seal, base::crc32c({out, at_seal}, segment_checksum));
  out[record_header_size - 1] = std::byte{'\n'};
}

std::optional<RecordHeader> decode_record_header(const std::byte* in,
                                                 std::uint32_t segment_checksum) noexcept {
  std::uint32_t seal = 0;
  if (in[record_header_size - 1] != std::byte{'\n'} || !get_checksum(in + at_seal, seal) ||
      seal != base::crc32c({in, at_seal}, segment_checksum)) {
    return std::nullopt;
  }
  RecordHeader header;
  const auto kind = value_named<RecordKind>(kinds, in);
  if (!kind || !get_number(in + at_sequence, 16, header.sequence) ||
      !get_number(in + at_length, 12, header.length) || !get_checksum(in + at_checksum, header.checksum)) {
    return std::nullopt;
  }
  header.kind = *kind;
  if (header.kind != RecordKind::message && header.length != 0) return std::nullopt;
  return header;
}

std::size_t encode_record_tail(std::uint64_t length, std::byte* out) noexcept {
  const std::size_t size = record_tail_size(length);
  std::memset(out, ' ', size - 1);
  out[size - 1] = std::byte{'\n'};
  return size;
}

bool is_record_tail(const std::byte* tail, std::uint64_t length) noexcept {
  const std::size_t size = record_tail_size(length);
  return tail[size - 1] == std::byte{'\n'} &&
         std::all_of(tail, tail + size - 1, [](std::byte byte) { return byte == std::byte{' '}; });
}

// ---- Positions

std::array<std::byte, position_size> encode_position(const Position& position) noexcept {
  Position copy = position;
  return encode_line<position_size>({word("position "), number(copy.count), word(" segment "),
                                     number(copy.segment), word(" offset "), number(copy.offset),
                                     word(" next "), number(copy.next)});
}

std::optional<Position> decode_position(const std::byte* line) noexcept {
  Position position;
  if (!decode_line<position_size>(
          line, {word("position "), number(position.count), word(" segment "), number(position.segment),
                 word(" offset "), number(position.offset), word(" next "), number(position.next)})) {
    return std::nullopt;
  }
  return position;
}

namespace {
constexpr std::string_view waits_for_room = "sender  waits  \n";
constexpr std::string_view needs_no_room = "sender  goes on\n";
static_assert(waits_for_room.size() == room_line_size && needs_no_room.size() == room_line_size);
}  // namespace

std::array<std::byte, room_line_size> encode_room_line(bool waits) noexcept {
  std::array<std::byte, room_line_size> line;
  std::memcpy(line.data(), (waits ? waits_for_room : needs_no_room).data(), line.size());
  return line;
}

std::uint64_t room_word(bool waits) noexcept {
  std::uint64_t word = 0;
  std::memcpy(&word, (waits ? waits_for_room : needs_no_room).data() + (room_word_at - room_line_at),
              sizeof word);
  return word;
}

// ---- Who is there

std::array<std::byte, presence_size> encode_presence(const Presence& presence) noexcept {
  Presence copy = presence;
  return encode_line<presence_size>({word(name_of(roles, copy.role)), word(" process "),
                                     number(copy.process, 10), word(" session "), number(copy.session),
                                     word(" "), word(name_of(stages, copy.stage)), word(" takes "),
                                     number(copy.max_message_size, 12)});
}

std::optional<Presence> decode_presence(const std::byte* line) noexcept {
  constexpr std::size_t at_stage = 9 + 9 + 10 + 9 + 16 + 1;
  const auto role = value_named<Role>(roles, line);
  const auto stage = value_named<Stage>(stages, line + at_stage);
  if (!role || !stage) return std::nullopt;
  Presence presence;
  presence.role = *role;
  presence.stage = *stage;
  if (!decode_line<presence_size>(
          line, {word(name_of(roles, *role)), word(" process "), number(presence.process, 10),
                 word(" session "), number(presence.session), word(" "), word(name_of(stages, *stage)),
                 word(" takes "), number(presence.max_message_size, 12)})) {
    return std::nullopt;
  }
  return presence;
}

std::array<std::byte, presence_size> encode_folder_line(bool made) noexcept {
  return encode_line<presence_size>({word(folder_title), word(made ? made_by_us : found_there)});
}

std::optional<bool> decode_folder_line(const std::byte* line) noexcept {
  for (const bool made : {true, false}) {
    if (decode_line<presence_size>(line, {word(folder_title), word(made ? made_by_us : found_there)}))
      return made;
  }
  return std::nullopt;
}

}  // namespace tenon::wire
