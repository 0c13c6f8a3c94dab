#include "wire/frame.hpp"

#include <vector>

#include "support/expect.hpp"
#include "wire/hello.hpp"
#include "wire/little_endian.hpp"

namespace tenon::wire {
namespace {

std::vector<std::byte> encoded(const FrameHeader& header) {
  std::vector<std::byte> bytes(max_header);
  bytes.resize(encode_header(header, bytes.data()));
  return bytes;
}

TEST(Frame, every_kind_survives_encoding) {
  const std::vector<FrameHeader> headers{
      {FrameKind::whole, 0, 0, 0},         {FrameKind::whole, 4, 65536, 65536},
      {FrameKind::whole, 0, 4096, 4096},   {FrameKind::whole, 0, 4097, 4097},
      {FrameKind::first, 2, 65536, 65537}, {FrameKind::first, 0, 65536, 1ULL << 40},
      {FrameKind::middle, 0, 65536, 0},    {FrameKind::last, 0, 17, 0},
      {FrameKind::close, 0, 0, 0},
  };
  for (const FrameHeader& header : headers) {
    const auto decoded = decode_header(encoded(header));
    ASSERT_TRUE(decoded && *decoded);
    EXPECT_EQ((*decoded)->kind, header.kind);
    EXPECT_EQ((*decoded)->descriptors, header.descriptors);
    EXPECT_EQ((*decoded)->length, header.length);
    EXPECT_EQ((*decoded)->total, header.total);
  }
}

TEST(Frame, its_bytes_are_those_of_the_specification) {
  const std::vector<std::byte> bytes = encoded({FrameKind::first, 3, 65536, 0x0102030405060708});
  const unsigned char expected[] = {0, 0, 1, 0, 2, 3, 0, 0, 8, 7, 6, 5, 4, 3, 2, 1};
  EXPECT_TRUE(std::ranges::equal(bytes, std::as_bytes(std::span(expected))));
}

TEST(Frame, a_part_of_a_header_asks_for_more) {
  for (const FrameHeader& header :
       {FrameHeader{FrameKind::first, 0, 65536, 1 << 20}, FrameHeader{FrameKind::whole, 0, 4097, 4097}}) {
    const std::vector<std::byte> bytes = encoded(header);
    ASSERT_EQ(bytes.size(), 16u);
    for (std::size_t size = 0; size < bytes.size(); ++size) {
      const auto decoded = decode_header(ByteView(bytes).first(size));
      EXPECT_TRUE(decoded && !*decoded) << size;
    }
  }
  EXPECT_EQ(encoded({FrameKind::whole, 0, 4096, 4096}).size(), 8u);
}

TEST(Frame, a_header_that_breaks_a_rule_is_refused) {
  const std::vector<FrameHeader> headers{
      {static_cast<FrameKind>(0), 0, 0, 0}, {static_cast<FrameKind>(6), 0, 0, 0},
      {FrameKind::whole, 0, 65537, 65537},  {FrameKind::whole, 0, 5000, 5001},
      {FrameKind::whole, 5, 1, 0},          {FrameKind::first, 0, 65535, 1 << 20},
      {FrameKind::first, 0, 65536, 65536},  {FrameKind::middle, 0, 65535, 0},
      {FrameKind::middle, 1, 65536, 0},     {FrameKind::last, 1, 1, 0},
      {FrameKind::close, 0, 1, 0},          {FrameKind::close, 1, 0, 0},
  };
  for (const FrameHeader& header : headers) EXPECT_FALSE(decode_header(encoded(header)));
  std::vector<std::byte> reserved = encoded({FrameKind::whole, 0, 1, 1});
  reserved[7] = std::byte{1};
  EXPECT_FALSE(decode_header(reserved));
}

TEST(Frame, the_tail_fills_up_to_eight_bytes_and_ends_with_the_mark) {
  for (std::size_t length = 0; length < 20; ++length) {
    for (const Mark mark : {Mark::committed, Mark::withdrawn}) {
      std::array<std::byte, 8> tail{};
      EXPECT_EQ((length + encode_tail(length, mark, tail.data())) % 8, 0u);
      EXPECT_EQ(decode_tail(tail.data(), length), mark);
    }
  }
}

TEST(Frame, a_tail_with_another_mark_or_dirty_padding_is_refused) {
  std::array<std::byte, 8> tail{};
  encode_tail(0, Mark::committed, tail.data());
  tail[3] = std::byte{1};
  EXPECT_EQ(decode_tail(tail.data(), 0), std::nullopt);
  tail[3] = std::byte{0};
  tail[7] = std::byte{0};
  EXPECT_EQ(decode_tail(tail.data(), 0), std::nullopt);
}

TEST(Hello, survives_encoding) {
  EXPECT_EQ(decode_hello(encode_hello({123456789012})).value().max_message_size, 123456789012u);
}

TEST(Hello, another_version_or_program_is_refused_with_a_reason) {
  auto bytes = encode_hello({1});
  store<std::uint16_t>(bytes.data() + 8, 7);
  EXPECT_THAT(decode_hello(bytes).error(), testing::HasSubstr("version 7"));
  bytes[0] = std::byte{'H'};
  EXPECT_THAT(decode_hello(bytes).error(), testing::HasSubstr("does not speak"));
  bytes = encode_hello({1});
  bytes[31] = std::byte{1};
  EXPECT_THAT(decode_hello(bytes).error(), testing::HasSubstr("malformed"));
}

}  // namespace
}  // namespace tenon::wire
