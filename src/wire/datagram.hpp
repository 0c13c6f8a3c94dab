// What stands in front of every datagram of a udp: channel: who is meant, what it is, and its number.
// docs/wire-format.md is the specification.
#pragma once

#include <array>
#include <cstddef>
#include <cstdint>
#include <optional>

#include <tenon/bytes.hpp>

namespace tenon::wire {

inline constexpr std::size_t datagram_header_size = 16;
inline constexpr std::size_t greeting_size = 32;
inline constexpr std::uint8_t datagram_version = 1;

enum class DatagramKind : std::uint8_t {
  hello = 1,      ///< the client: I would like a channel
  challenge = 2,  ///< the listener: then show that you receive what is sent to you
  confirm = 3,    ///< the client: I do
  welcome = 4,    ///< the listener: here is your channel
  data = 5,       ///< a message
  close = 6,      ///< nothing more will come
};

struct DatagramHeader {
  DatagramKind kind = DatagramKind::data;
  std::uint32_t sequence = 0;  ///< of data and close: how many messages were sent before, modulo 2^32
  std::uint64_t token = 0;     ///< the receiver's own, so that it knows who speaks; 0 in hello
};

std::array<std::byte, datagram_header_size> encode_datagram(const DatagramHeader& header) noexcept;
/// Empty when the bytes do not begin with a header of this version.
std::optional<DatagramHeader> decode_datagram(ByteView bytes) noexcept;
/// The version of a datagram that is tenon's.
std::optional<std::uint8_t> datagram_version_of(ByteView bytes) noexcept;
/// Magic and kind stay where they are in every version; nothing else is answered across versions.
bool is_hello_of_other_version(ByteView bytes) noexcept;

/// The first four kinds: a header, and the token that the sender wants to be called by.
struct Greeting {
  DatagramHeader header;
  std::uint64_t own_token = 0;
};

std::array<std::byte, greeting_size> encode_greeting(const Greeting& greeting) noexcept;
std::optional<Greeting> decode_greeting(ByteView bytes) noexcept;

}  // namespace tenon::wire
