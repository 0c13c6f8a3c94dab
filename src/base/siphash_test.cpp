#include "base/siphash.hpp"

#include <gtest/gtest.h>

namespace tenon::base {
namespace {

// The key and the results of the paper's reference implementation: inputs 0, 0 1, 0 1 2, …
constexpr SipKey key{0x0706050403020100, 0x0f0e0d0c0b0a0908};

std::uint64_t of_first(std::size_t size) {
  std::array<std::byte, 64> bytes;
  for (std::size_t i = 0; i < bytes.size(); ++i) bytes[i] = static_cast<std::byte>(i);
  return SipHash(key)(ByteView(bytes).first(size));
}

TEST(SipHash, is_the_one_of_the_paper) {
  EXPECT_EQ(of_first(0), 0x726fdb47dd0e0e31u);
  EXPECT_EQ(of_first(1), 0x74f839c593dc67fdu);
  EXPECT_EQ(of_first(7), 0xab0200f58b01d137u);
  EXPECT_EQ(of_first(8), 0x93f5f5799a932462u);
  EXPECT_EQ(of_first(15), 0xa129ca6149be45e5u);
}

}  // namespace
}  // namespace tenon::base
