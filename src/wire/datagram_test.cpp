#include "wire/datagram.hpp"

#include "support/expect.hpp"

namespace tenon::wire {
namespace {

TEST(Datagram, header_is_read_as_it_was_written) {
  for (const auto kind : {DatagramKind::hello, DatagramKind::data, DatagramKind::close}) {
    const auto bytes = encode_datagram({kind, 0xfffffffe, 0x123456789abcdef0});
    const auto header = decode_datagram(bytes);
    ASSERT_TRUE(header);
    EXPECT_EQ(header->kind, kind);
    EXPECT_EQ(header->sequence, 0xfffffffeu);
    EXPECT_EQ(header->token, 0x123456789abcdef0u);
  }
}

TEST(Datagram, header_with_any_wrong_byte_in_front_is_refused) {
  const auto good = encode_datagram({});
  for (std::size_t place = 0; place < 4; ++place) {
    auto bad = good;
    bad[place] ^= std::byte{0x80};
    EXPECT_FALSE(decode_datagram(bad)) << place;
  }
  for (std::size_t size = 0; size < good.size(); ++size)
    EXPECT_FALSE(decode_datagram(ByteView(good).first(size)));
  auto kind = good;
  for (const unsigned value : {0U, 7U, 255U}) {
    kind[3] = static_cast<std::byte>(value);
    EXPECT_FALSE(decode_datagram(kind)) << value;
  }
}

TEST(Datagram, greeting_is_exactly_32_bytes_with_nothing_reserved_set) {
  const auto good = encode_greeting({{DatagramKind::challenge, 0, 5}, 6});
  ASSERT_TRUE(decode_greeting(good));
  EXPECT_EQ(decode_greeting(good)->own_token, 6u);
  EXPECT_FALSE(decode_greeting(ByteView(good).first(31)));
  for (const std::size_t place : {4UL, 7UL, 24UL, 31UL}) {
    auto bad = good;
    bad[place] = std::byte{1};
    EXPECT_FALSE(decode_greeting(bad)) << place;
  }
  EXPECT_FALSE(decode_greeting(encode_greeting({{DatagramKind::data, 0, 5}, 6})));
}

TEST(Datagram, only_a_hello_of_another_version_is_one) {
  auto hello = encode_greeting({{DatagramKind::hello, 0, 0}, 6});
  EXPECT_FALSE(is_hello_of_other_version(hello));
  hello[2] = std::byte{2};
  EXPECT_TRUE(is_hello_of_other_version(hello));
  hello[3] = std::byte{2};
  EXPECT_FALSE(is_hello_of_other_version(hello));
}

}  // namespace
}  // namespace tenon::wire
