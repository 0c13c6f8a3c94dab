#include "wire/hello.hpp"

#include <algorithm>
#include <cstring>

#include "wire/little_endian.hpp"

namespace tenon::wire {
namespace {

// Line ends and a zero, so that a channel that translates text is found out at once (as in PNG's signature).
constexpr char magic[8] = {'T', 'E', 'N', 'O', 'N', '\r', '\n', '\0'};

}  // namespace

std::array<std::byte, hello_size> encode_hello(const Hello& hello) noexcept {
  std::array<std::byte, hello_size> bytes{};
  std::memcpy(bytes.data(), magic, sizeof magic);
  store<std::uint16_t>(bytes.data() + 8, protocol_version);
  store<std::uint16_t>(bytes.data() + 10, hello_size);
  store<std::uint64_t>(bytes.data() + 16, hello.max_message_size);
  return bytes;
}

bool is_hello_start(ByteView bytes) noexcept {
  return std::memcmp(bytes.data(), magic, std::min(bytes.size(), sizeof magic)) == 0;
}

std::expected<Hello, std::string> decode_hello(const std::array<std::byte, hello_size>& bytes) {
  if (std::memcmp(bytes.data(), magic, sizeof magic) != 0) {
    return std::unexpected(
        "what answers there does not speak tenon's protocol (framing=raw or framing=lines speaks with other "
        "programs)");
  }
  const auto version = load<std::uint16_t>(bytes.data() + 8);
  if (version != protocol_version) {
    return std::unexpected("the peer speaks protocol version " + std::to_string(version) + ", we speak " +
                           std::to_string(protocol_version) +
                           ": use the same release of tenon on both sides");
  }
  const auto reserved = [&](std::size_t from, std::size_t to) {
    return std::all_of(bytes.begin() + static_cast<std::ptrdiff_t>(from),
                       bytes.begin() + static_cast<std::ptrdiff_t>(to),
                       [](std::byte byte) { return byte == std::byte{0}; });
  };
  if (load<std::uint16_t>(bytes.data() + 10) != hello_size || !reserved(12, 16) || !reserved(24, 32)) {
    return std::unexpected("the peer's hello is malformed");
  }
  return Hello{load<std::uint64_t>(bytes.data() + 16)};
}

}  // namespace tenon::wire
