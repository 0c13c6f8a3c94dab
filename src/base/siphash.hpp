// SipHash-2-4: a short checksum that nobody can make or guess without the key. For cookies that strangers
// carry for us. Jean-Philippe Aumasson, Daniel J. Bernstein: SipHash: a fast short-input PRF, 2012.
#pragma once

#include <array>
#include <bit>
#include <cstddef>
#include <cstdint>

#include <tenon/bytes.hpp>

namespace tenon::base {

using SipKey = std::array<std::uint64_t, 2>;

class SipHash {
 public:
  explicit SipHash(const SipKey& key) noexcept
      : v_{key[0] ^ 0x736f6d6570736575, key[1] ^ 0x646f72616e646f6d, key[0] ^ 0x6c7967656e657261,
           key[1] ^ 0x7465646279746573} {}

  std::uint64_t operator()(ByteView bytes) noexcept {
    std::uint64_t word = 0;
    for (std::size_t i = 0; i < bytes.size(); ++i) {
      word |= std::to_integer<std::uint64_t>(bytes[i]) << (i % 8 * 8);
      if (i % 8 == 7) {
        compress(word);
        word = 0;
      }
    }
    compress(word | static_cast<std::uint64_t>(bytes.size()) << 56);
    v_[2] ^= 0xff;
    for (int i = 0; i < 4; ++i) round();
    return v_[0] ^ v_[1] ^ v_[2] ^ v_[3];
  }

 private:
  void compress(std::uint64_t word) noexcept {
    v_[3] ^= word;
    round();
    round();
    v_[0] ^= word;
  }
  void round() noexcept {
    v_[0] += v_[1];
    v_[2] += v_[3];
    v_[1] = std::rotl(v_[1], 13) ^ v_[0];
    v_[3] = std::rotl(v_[3], 16) ^ v_[2];
    v_[0] = std::rotl(v_[0], 32);
    v_[2] += v_[1];
    v_[0] += v_[3];
    v_[1] = std::rotl(v_[1], 17) ^ v_[2];
    v_[3] = std::rotl(v_[3], 21) ^ v_[0];
    v_[2] = std::rotl(v_[2], 32);
  }

  std::array<std::uint64_t, 4> v_;
};

}  // namespace tenon::base
