#include "base/crc32c.hpp"

#if defined(__x86_64__)
#include <immintrin.h>
#endif
#include <array>
#include <bit>
#include <cstring>

namespace tenon::base {
namespace {

constexpr std::uint32_t polynomial = 0x82F63B78;  // reflected

using Table = std::array<std::uint32_t, 256>;

/// tables[k][b]: what byte b does to the checksum when k more bytes follow.
constexpr std::array<Table, 8> make_tables() {
  std::array<Table, 8> tables{};
  for (std::uint32_t byte = 0; byte < 256; ++byte) {
    std::uint32_t crc = byte;
    for (int bit = 0; bit < 8; ++bit) crc = (crc >> 1) ^ ((crc & 1) != 0 ? polynomial : 0);
    tables[0][byte] = crc;
  }
  for (std::size_t k = 1; k < 8; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      const std::uint32_t crc = tables[k - 1][byte];
      tables[k][byte] = (crc >> 8) ^ tables[0][crc & 0xFF];
    }
  }
  return tables;
}

constexpr std::array<Table, 8> tables = make_tables();

std::uint64_t load_little_endian(const std::byte* from) noexcept {
  std::uint64_t word;
  std::memcpy(&word, from, sizeof word);
  if constexpr (std::endian::native == std::endian::big) word = std::byteswap(word);
  return word;
}

std::uint32_t update(std::uint32_t crc, const std::byte* data, std::size_t size) noexcept {
  for (; size >= 8; data += 8, size -= 8) {
    const std::uint64_t word = load_little_endian(data) ^ crc;
    crc = 0;
    for (std::size_t k = 0; k < 8; ++k) crc ^= tables[7 - k][(word >> (8 * k)) & 0xFF];
  }
  for (; size > 0; ++data, --size) {
    crc = (crc >> 8) ^ tables[0][(crc ^ std::to_integer<std::uint32_t>(*data)) & 0xFF];
  }
  return crc;
}

#if defined(__x86_64__)

/// x to this power, modulo the polynomial.
constexpr std::uint32_t power(std::size_t exponent) {
  std::uint32_t value = 0x80000000;
  for (; exponent > 0; --exponent) value = (value >> 1) ^ ((value & 1) != 0 ? polynomial : 0);
  return value;
}

/// What a checksum becomes when `Bytes` zeros follow: times x to the 8 * Bytes, of which the product (reflected, so one
/// bit off) and the instruction make 33.
template <std::size_t Bytes>
[[gnu::target("sse4.2,pclmul")]] std::uint64_t shifted(std::uint64_t crc) noexcept {
  constexpr std::uint32_t factor = power(8 * Bytes - 33);
  const __m128i product =
      _mm_clmulepi64_si128(_mm_cvtsi64_si128(static_cast<long long>(crc)), _mm_cvtsi64_si128(factor), 0);
  return _mm_crc32_u64(0, static_cast<std::uint64_t>(_mm_cvtsi128_si64(product)));
}

/// The instruction takes three cycles and a new one can begin in each: so three blocks are summed at once.
template <std::size_t Block>
[[gnu::target("sse4.2,pclmul")]] void update_by_threes(std::uint64_t& crc, const std::byte*& data,
                                                       std::size_t& size) noexcept {
  for (; size >= 3 * Block; data += 3 * Block, size -= 3 * Block) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < Block; i += 8) {
      crc = _mm_crc32_u64(crc, load_little_endian(data + i));
      second = _mm_crc32_u64(second, load_little_endian(data + Block + i));
      third = _mm_crc32_u64(third, load_little_endian(data + 2 * Block + i));
    }
    crc = shifted<Block>(crc) ^ second;
    crc = shifted<Block>(crc) ^ third;
  }
}

[[gnu::target("sse4.2,pclmul")]] std::uint32_t update_with_instruction(std::uint32_t start,
                                                                       const std::byte* data,
                                                                       std::size_t size) noexcept {
  std::uint64_t crc = start;
  update_by_threes<1024>(crc, data, size);
  update_by_threes<256>(crc, data, size);
  update_by_threes<64>(crc, data, size);
  for (; size >= 8; data += 8, size -= 8) crc = _mm_crc32_u64(crc, load_little_endian(data));
  auto rest = static_cast<std::uint32_t>(crc);
  for (; size > 0; ++data, --size) rest = _mm_crc32_u8(rest, std::to_integer<unsigned char>(*data));
  return rest;
}

bool has_instruction() noexcept {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0 && __builtin_cpu_supports("pclmul") != 0;
  return has;
}

#endif

}  // namespace

std::uint32_t crc32c(ByteView bytes, std::uint32_t before) noexcept {
#if defined(__x86_64__)
  if (has_instruction()) return ~update_with_instruction(~before, bytes.data(), bytes.size());
#endif
  return crc32c_portable(bytes, before);
}

std::uint32_t crc32c_portable(ByteView bytes, std::uint32_t before) noexcept {
  return ~update(~before, bytes.data(), bytes.size());
}

}  // namespace tenon::base
