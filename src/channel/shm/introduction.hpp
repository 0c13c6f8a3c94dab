// How two processes give each other their shared memory: one message each way over the Unix socket that they met at.
//
//     the one that connected     its hello, its region, and one end of a socket pair for the room bell
//     the one that listened      its hello, its region
//
// The socket then stays as the data bell. docs/ring.md has the bytes.
#pragma once

#include <array>
#include <cstdint>
#include <optional>
#include <vector>

#include "channel/ring_channel.hpp"
#include "os/byte_stream.hpp"

namespace tenon {

inline constexpr std::size_t shm_hello_size = 48;

/// What a side says of itself.
struct ShmHello {
  std::uint64_t capacity = 0;          ///< of its ring
  std::uint64_t max_message_size = 0;  ///< that it is willing to receive
  Fences fences = Fences::on_both_sides;
  std::uint64_t arena = 0;  ///< bytes of blocks that it takes
};

std::array<std::byte, shm_hello_size> encode_hello(const ShmHello& hello) noexcept;
/// Errors: protocol_violation, with the reason.
Result<ShmHello> decode_hello(const std::array<std::byte, shm_hello_size>& bytes);

/// One side's part of the introduction.
class Introduction {
 public:
  enum class Role : std::uint8_t { connecting, listening };

  /// `hello` is what we say; whether we can fence is found out.
  Introduction(Role role, os::Fd socket, std::optional<PeerInfo> peer, const ShmHello& hello);

  /// As much as can be done without waiting. True when it is done. Errors: closed (the peer left),
  /// protocol_violation, resource_limit.
  Result<bool> step();
  /// step() until done.
  Result<void> run(Deadline deadline);

  const os::ByteStream& stream() const noexcept { return stream_; }
  std::uint64_t theirs_max_message_size() const noexcept { return theirs_.max_message_size; }
  /// After step() was true.
  RingConnection take();

 private:
  Result<void> prepare();
  Result<bool> say();
  Result<bool> listen();

  Role role_;
  os::SocketStream stream_;
  std::optional<PeerInfo> peer_;
  ShmHello mine_;
  ShmHello theirs_;
  std::optional<OwnRegion> own_;
  std::optional<PeerRegion> peer_region_;
  os::Fd room_;           ///< our end of the room bell
  os::Fd room_for_peer_;  ///< the other, until it is sent
  std::array<std::byte, shm_hello_size> received_{};
  std::size_t sent_ = 0;
  std::size_t got_ = 0;
  bool peer_left_ = false;
  std::vector<os::Fd> arrived_;
};

}  // namespace tenon
