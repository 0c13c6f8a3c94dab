#include "wire/datagram.hpp"

#include <algorithm>

#include "wire/little_endian.hpp"

namespace tenon::wire {
namespace {

constexpr std::array<std::byte, 2> magic{std::byte{'T'}, std::byte{0xED}};

}  // namespace

std::array<std::byte, datagram_header_size> encode_datagram(const DatagramHeader& header) noexcept {
  std::array<std::byte, datagram_header_size> bytes{magic[0], magic[1], std::byte{datagram_version},
                                                    static_cast<std::byte>(header.kind)};
  store<std::uint32_t>(bytes.data() + 4, header.sequence);
  store<std::uint64_t>(bytes.data() + 8, header.token);
  return bytes;
}

std::optional<std::uint8_t> datagram_version_of(ByteView bytes) noexcept {
  if (bytes.size() < datagram_header_size || !std::ranges::equal(bytes.first(magic.size()), magic))
    return std::nullopt;
  return std::to_integer<std::uint8_t>(bytes[2]);
}

bool is_hello_of_other_version(ByteView bytes) noexcept {
  const auto version = datagram_version_of(bytes);
  return version && *version != datagram_version && bytes[3] == static_cast<std::byte>(DatagramKind::hello);
}

std::optional<DatagramHeader> decode_datagram(ByteView bytes) noexcept {
  if (datagram_version_of(bytes) != datagram_version) return std::nullopt;
  const auto kind = std::to_integer<std::uint8_t>(bytes[3]);
  if (kind < static_cast<std::uint8_t>(DatagramKind::hello) ||
      kind > static_cast<std::uint8_t>(DatagramKind::close)) {
    return std::nullopt;
  }
  return DatagramHeader{static_cast<DatagramKind>(kind), load<std::uint32_t>(bytes.data() + 4),
                        load<std::uint64_t>(bytes.data() + 8)};
}

std::array<std::byte, greeting_size> encode_greeting(const Greeting& greeting) noexcept {
  std::array<std::byte, greeting_size> bytes{};
  std::ranges::copy(encode_datagram(greeting.header), bytes.begin());
  store<std::uint64_t>(bytes.data() + datagram_header_size, greeting.own_token);
  return bytes;
}

std::optional<Greeting> decode_greeting(ByteView bytes) noexcept {
  const auto header = decode_datagram(bytes);
  if (!header || bytes.size() != greeting_size || header->kind > DatagramKind::welcome ||
      header->sequence != 0)
    return std::nullopt;
  if (load<std::uint64_t>(bytes.data() + datagram_header_size + 8) != 0) return std::nullopt;
  return Greeting{*header, load<std::uint64_t>(bytes.data() + datagram_header_size)};
}

}  // namespace tenon::wire
