// Integers in wire formats: little-endian, unaligned.
#pragma once

#include <bit>
#include <concepts>
#include <cstddef>
#include <cstring>

namespace tenon::wire {

template <std::unsigned_integral T>
inline void store(std::byte* out, T value) noexcept {
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  std::memcpy(out, &value, sizeof value);
}

template <std::unsigned_integral T>
inline T load(const std::byte* in) noexcept {
  T value;
  std::memcpy(&value, in, sizeof value);
  if constexpr (std::endian::native == std::endian::big) value = std::byteswap(value);
  return value;
}

}  // namespace tenon::wire
