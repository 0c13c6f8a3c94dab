#include "base/crc32c.hpp"

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

/// The instruction takes three cycles and a new one can begin in each: so three blocks are summed at once.
constexpr std::size_t block = 1024;

/// shift[k][b]: what byte k of a checksum, with value b, becomes when `block` zeros follow.
constexpr std::array<Table, 4> make_shift() {
  std::array<std::uint32_t, 32> of_bit{};
  for (std::size_t bit = 0; bit < 32; ++bit) {
    std::uint32_t crc = 1U << bit;
    for (std::size_t i = 0; i < block; ++i) crc = (crc >> 8) ^ tables[0][crc & 0xFF];
    of_bit[bit] = crc;
  }
  std::array<Table, 4> shift{};
  for (std::size_t k = 0; k < 4; ++k) {
    for (std::size_t byte = 0; byte < 256; ++byte) {
      for (std::size_t bit = 0; bit < 8; ++bit) {
        if ((byte >> bit & 1) != 0) shift[k][byte] ^= of_bit[8 * k + bit];
      }
    }
  }
  return shift;
}

constexpr std::array<Table, 4> shift = make_shift();

std::uint32_t shifted(std::uint32_t crc) noexcept {
  return shift[0][crc & 0xFF] ^ shift[1][crc >> 8 & 0xFF] ^ shift[2][crc >> 16 & 0xFF] ^ shift[3][crc >> 24];
}

__attribute__((target("sse4.2"))) std::uint32_t update_with_instruction(std::uint32_t start,
                                                                        const std::byte* data,
                                                                        std::size_t size) noexcept {
  std::uint64_t crc = start;
  for (; size >= 3 * block; data += 3 * block, size -= 3 * block) {
    std::uint64_t second = 0;
    std::uint64_t third = 0;
    for (std::size_t i = 0; i < block; i += 8) {
      crc = __builtin_ia32_crc32di(crc, load_little_endian(data + i));
      second = __builtin_ia32_crc32di(second, load_little_endian(data + block + i));
      third = __builtin_ia32_crc32di(third, load_little_endian(data + 2 * block + i));
    }
    crc = shifted(static_cast<std::uint32_t>(crc)) ^ second;
    crc = shifted(static_cast<std::uint32_t>(crc)) ^ third;
  }
  for (; size >= 8; data += 8, size -= 8) crc = __builtin_ia32_crc32di(crc, load_little_endian(data));
  auto rest = static_cast<std::uint32_t>(crc);
  for (; size > 0; ++data, --size) rest = __builtin_ia32_crc32qi(rest, std::to_integer<unsigned char>(*data));
  return rest;
}

bool has_instruction() noexcept {
  static const bool has = __builtin_cpu_supports("sse4.2") != 0;
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
