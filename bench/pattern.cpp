#include "bench/pattern.hpp"

#include <cstring>

namespace bench {
namespace {

constexpr std::uint64_t odd = 0x9E3779B97F4A7C15U;
constexpr std::size_t word = sizeof(std::uint64_t);

std::uint64_t packed(Head head) noexcept {
  return head.number << 2U | (head.measured ? 2U : 0U) | (head.last ? 1U : 0U);
}

Head unpacked(std::uint64_t first) noexcept {
  return {first >> 2U, (first & 2U) != 0, (first & 1U) != 0};
}

}  // namespace

void fill(tenon::ByteSpan message, Head head) noexcept {
  const std::uint64_t first = packed(head);
  std::memcpy(message.data(), &first, word);
  const std::uint64_t base = (first + 1) * odd;
  const std::size_t words = message.size() / word;
  for (std::size_t index = 1; index < words; ++index) {
    const std::uint64_t value = base + index * odd;
    std::memcpy(message.data() + index * word, &value, word);
  }
  const std::uint64_t value = base + words * odd;
  std::memcpy(message.data() + words * word, &value, message.size() % word);
}

std::optional<Head> check(tenon::ByteView message) noexcept {
  if (message.size() < least_size) return std::nullopt;
  std::uint64_t first = 0;
  std::memcpy(&first, message.data(), word);
  const std::uint64_t base = (first + 1) * odd;
  const std::size_t words = message.size() / word;
  std::uint64_t differing = 0;
  for (std::size_t index = 1; index < words; ++index) {
    std::uint64_t value = 0;
    std::memcpy(&value, message.data() + index * word, word);
    differing |= value ^ (base + index * odd);
  }
  const std::uint64_t value = base + words * odd;
  const bool same_end = std::memcmp(message.data() + words * word, &value, message.size() % word) == 0;
  if (differing != 0 || !same_end) return std::nullopt;
  return unpacked(first);
}

void fill_ends(tenon::ByteSpan message, Head head) noexcept {
  const std::uint64_t first = packed(head);
  const std::uint64_t last = first * odd;
  std::memcpy(message.last(word).data(), &last, word);
  std::memcpy(message.data(), &first, word);
}

std::optional<Head> check_ends(tenon::ByteView message) noexcept {
  if (message.size() < least_size) return std::nullopt;
  std::uint64_t first = 0;
  std::uint64_t last = 0;
  std::memcpy(&first, message.data(), word);
  std::memcpy(&last, message.last(word).data(), word);
  if (message.size() >= 2 * word && last != first * odd) return std::nullopt;
  return unpacked(first);
}

}  // namespace bench
