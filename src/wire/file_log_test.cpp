#include "wire/file_log.hpp"

#include <array>
#include <cstdio>
#include <string>
#include <vector>

#include "support/expect.hpp"

namespace tenon::wire {
namespace {

using Bytes = std::vector<std::byte>;

/// Every line is refused when any bit of it is another.
template <typename Line, typename Decode>
void expect_every_flip_to_be_seen(Line line, Decode decode) {
  ASSERT_TRUE(decode(line.data()));
  for (std::size_t bit = 0; bit < 8 * line.size(); ++bit) {
    line[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    EXPECT_FALSE(decode(line.data())) << "bit " << bit;
    line[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
  }
}

TEST(FileLog, lines_come_back_as_they_went) {
  for (const std::uint64_t n : {std::uint64_t{0}, std::uint64_t{1}, std::uint64_t{12345}, max_number}) {
    const SegmentHeader segment{n, n / 2, n / 3};
    EXPECT_EQ(decode_segment_header(encode_segment_header(segment).data()), segment);
    const Position position{n, n / 5, n / 7, n / 9};
    EXPECT_EQ(decode_position(encode_position(position).data()), position);
    for (const Stage stage : {Stage::waiting, Stage::calling, Stage::talking, Stage::refused, Stage::left}) {
      for (const Role role : {Role::listener, Role::connector}) {
        const Presence presence{role, n % 4'194'304, n, stage, n % max_record_length};
        EXPECT_EQ(decode_presence(encode_presence(presence).data()), presence);
      }
    }
  }
  for (const bool made : {true, false}) EXPECT_EQ(decode_folder_line(encode_folder_line(made).data()), made);
}

TEST(FileLog, writes_every_number_as_one_says_it) {
  std::vector<std::uint64_t> numbers{max_number, max_record_length, 99'999'999, 100'000'000};
  for (std::uint64_t n = 0; n < 10'000; ++n)
    for (const std::uint64_t scale : {1ULL, 10'000ULL, 100'000'000ULL, 1'000'000'000'000ULL})
      numbers.push_back(n * scale);
  for (const std::uint64_t n : numbers) {
    const auto line = encode_position({.next = n});
    std::string digits = std::to_string(n);
    digits.insert(0, 16 - digits.size(), '0');
    ASSERT_THAT(text_of(line), testing::HasSubstr("next " + digits + " "));
    ASSERT_EQ(decode_position(line.data()).value().next, n);
  }
}

TEST(FileLog, writes_every_digit_of_a_checksum_as_one_says_it) {
  std::array<std::byte, record_header_size> header;
  for (std::uint64_t n = 0; n < 200'000; ++n) {
    const auto checksum = static_cast<std::uint32_t>(n * 2'654'435'761U);
    encode_record_header({RecordKind::message, 1, 1, checksum}, 0, header.data());
    char digits[9];
    std::snprintf(digits, sizeof digits, "%08x", checksum);
    ASSERT_EQ(text_of(ByteView(header).subspan(38, 8)), digits);
    ASSERT_EQ(decode_record_header(header.data(), 0).value().checksum, checksum);
  }
}

TEST(FileLog, record_headers_come_back_as_they_went) {
  for (const RecordHeader& header :
       {RecordHeader{RecordKind::message, 1, 0, 0},
        RecordHeader{RecordKind::message, max_number, max_record_length, ~0U},
        RecordHeader{RecordKind::next, 7, 0, 0}, RecordHeader{RecordKind::close, 8, 0, 0}}) {
    std::array<std::byte, record_header_size> bytes;
    encode_record_header(header, 99, bytes.data());
    EXPECT_EQ(decode_record_header(bytes.data(), 99), header);
    EXPECT_FALSE(decode_record_header(bytes.data(), 98)) << "it belongs to another segment";
  }
}

TEST(FileLog, is_text_with_a_line_end_behind_each_part) {
  const auto text_only = [](ByteView bytes) {
    for (const std::byte byte : bytes.first(bytes.size() - 1)) {
      if (byte < std::byte{' '} || byte > std::byte{'~'}) return false;
    }
    return bytes.back() == std::byte{'\n'};
  };
  EXPECT_TRUE(text_only(encode_segment_header({1, 2, 3})));
  EXPECT_TRUE(text_only(encode_position({1, 2, 3, 4})));
  EXPECT_TRUE(text_only(encode_presence({Role::connector, 1, 2, Stage::left, 3})));
  EXPECT_TRUE(text_only(encode_folder_line(true)));
  std::array<std::byte, record_header_size> header;
  encode_record_header({RecordKind::message, 1, 2, 3}, 4, header.data());
  EXPECT_TRUE(text_only(header));
}

TEST(FileLog, any_flipped_bit_of_a_line_is_seen) {
  expect_every_flip_to_be_seen(encode_segment_header({17, 3, 99}), decode_segment_header);
  expect_every_flip_to_be_seen(encode_position({1, 2, 96, 4}), decode_position);
  expect_every_flip_to_be_seen(encode_presence({Role::listener, 4711, 2, Stage::talking, 1 << 30}),
                               decode_presence);
  expect_every_flip_to_be_seen(encode_folder_line(true), decode_folder_line);
  std::array<std::byte, record_header_size> header;
  encode_record_header({RecordKind::message, 12, 345, 0xDEADBEEF}, 4, header.data());
  expect_every_flip_to_be_seen(header, [](const std::byte* in) { return decode_record_header(in, 4); });
}

TEST(FileLog, records_are_multiples_of_8_bytes_long) {
  for (std::uint64_t length = 0; length < 30; ++length) {
    EXPECT_EQ(record_size(length) % 8, 0u);
    std::array<std::byte, 8> tail;
    const std::size_t size = encode_record_tail(length, tail.data());
    EXPECT_EQ(size, record_tail_size(length));
    EXPECT_EQ(tail[size - 1], std::byte{'\n'});
    EXPECT_TRUE(is_record_tail(tail.data(), length));
    for (std::size_t bit = 0; bit < 8 * size; ++bit) {
      tail[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
      EXPECT_FALSE(is_record_tail(tail.data(), length));
      tail[bit / 8] ^= static_cast<std::byte>(1U << bit % 8);
    }
  }
}

}  // namespace
}  // namespace tenon::wire
