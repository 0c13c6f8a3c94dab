// What a client puts into the well-known queue (docs/transports/posix-mq.md): which two queues it has made.
#pragma once

#include <array>
#include <cstdint>
#include <optional>

#include <tenon/bytes.hpp>

#include "os/private_queues.hpp"
#include "wire/little_endian.hpp"

namespace tenon {

struct QueueRequest {
  std::uint32_t slot = 0;  ///< where their names come from
  /// Which objects they are: a name alone could be another's by now.
  std::uint64_t to_listener = 0;
  std::uint64_t to_client = 0;
};

inline constexpr std::size_t queue_request_size = 32;
inline constexpr std::array<std::byte, 8> queue_request_magic{std::byte{'t'}, std::byte{'e'}, std::byte{'n'},
                                                              std::byte{'o'}, std::byte{'n'}, std::byte{'m'},
                                                              std::byte{'q'}, std::byte{0}};
inline constexpr std::uint32_t queue_request_version = 1;

inline std::array<std::byte, queue_request_size> encode(const QueueRequest& request) noexcept {
  std::array<std::byte, queue_request_size> bytes{};
  std::ranges::copy(queue_request_magic, bytes.begin());
  wire::store(bytes.data() + 8, queue_request_version);
  wire::store(bytes.data() + 12, request.slot);
  wire::store(bytes.data() + 16, request.to_listener);
  wire::store(bytes.data() + 24, request.to_client);
  return bytes;
}

inline std::optional<QueueRequest> decode_queue_request(ByteView bytes) noexcept {
  if (bytes.size() != queue_request_size) return std::nullopt;
  if (!std::ranges::equal(bytes.first(queue_request_magic.size()), queue_request_magic)) return std::nullopt;
  if (wire::load<std::uint32_t>(bytes.data() + 8) != queue_request_version) return std::nullopt;
  const QueueRequest request{wire::load<std::uint32_t>(bytes.data() + 12),
                             wire::load<std::uint64_t>(bytes.data() + 16),
                             wire::load<std::uint64_t>(bytes.data() + 24)};
  if (request.slot >= os::queue_slots) return std::nullopt;
  return request;
}

}  // namespace tenon
