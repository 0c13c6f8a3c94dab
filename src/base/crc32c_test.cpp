#include "base/crc32c.hpp"

#include <array>
#include <random>
#include <vector>

#include <gtest/gtest.h>

namespace tenon::base {
namespace {

TEST(Crc32c, gives_the_known_answers) {
  // RFC 3720, B.4, and the check value of the catalogue of parametrised CRC algorithms (CRC-32/ISCSI).
  EXPECT_EQ(crc32c(bytes_of("123456789")), 0xE3069283u);
  EXPECT_EQ(crc32c({}), 0u);
  std::array<std::byte, 32> bytes{};
  EXPECT_EQ(crc32c(bytes), 0x8A9136AAu);
  bytes.fill(std::byte{0xFF});
  EXPECT_EQ(crc32c(bytes), 0x62A8AB43u);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  EXPECT_EQ(crc32c(bytes), 0x46DD794Eu);
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(31 - i);
  EXPECT_EQ(crc32c(bytes), 0x113FDB5Cu);
}

TEST(Crc32c, is_the_same_with_and_without_the_instruction_at_every_size_and_place) {
  std::mt19937 random(3);
  std::vector<std::byte> bytes(20'000);
  for (auto& byte : bytes) byte = static_cast<std::byte>(random());
  for (std::size_t size = 0; size < 2000; ++size) {
    const ByteView part = ByteView(bytes).subspan(size % 13, size);
    EXPECT_EQ(crc32c(part, 7), crc32c_portable(part, 7)) << size;
  }
  for (const std::size_t size : {3071U, 3072U, 3073U, 6143U, 6144U, 6150U, 9216U, 19'900U}) {
    const ByteView part = ByteView(bytes).subspan(size % 13, size);
    EXPECT_EQ(crc32c(part), crc32c_portable(part)) << size;
  }
}

TEST(Crc32c, of_two_parts_is_that_of_the_whole) {
  std::vector<std::byte> bytes(10'000, std::byte{0x5A});
  const ByteView all(bytes);
  for (const std::size_t cut : {0U, 1U, 7U, 3072U, 9'999U, 10'000U}) {
    EXPECT_EQ(crc32c(all.subspan(cut), crc32c(all.first(cut))), crc32c(all));
  }
}

}  // namespace
}  // namespace tenon::base
