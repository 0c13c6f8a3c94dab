#include "channel/sysv_mq/opening.hpp"

#include <cstring>

#include "wire/little_endian.hpp"

namespace tenon::sysv_mq {
namespace {

constexpr char magic[8] = {'T', 'E', 'N', 'O', 'N', 'S', 'V', 'Q'};
constexpr std::uint16_t version = 1;

}  // namespace

std::array<std::byte, opening_size> encode(const Opening& opening) noexcept {
  std::array<std::byte, opening_size> bytes{};
  std::memcpy(bytes.data(), magic, sizeof magic);
  wire::store<std::uint16_t>(bytes.data() + 8, version);
  wire::store<std::uint16_t>(bytes.data() + 10, opening_size);
  wire::store<std::uint32_t>(bytes.data() + 12, opening.project);
  wire::store<std::uint32_t>(bytes.data() + 16, opening.to_taker);
  wire::store<std::uint32_t>(bytes.data() + 20, opening.to_maker);
  return bytes;
}

std::optional<Opening> decode(const std::array<std::byte, opening_size>& bytes) noexcept {
  const Opening opening{wire::load<std::uint32_t>(bytes.data() + 12),
                        wire::load<std::uint32_t>(bytes.data() + 16),
                        wire::load<std::uint32_t>(bytes.data() + 20)};
  // One encoding for each opening: magic, version, size and the reserved bytes are all compared.
  if (encode(opening) != bytes) return std::nullopt;
  return opening;
}

}  // namespace tenon::sysv_mq
