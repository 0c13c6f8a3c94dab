// The options that every transport understands, read from an address once.
#pragma once

#include <cstdint>
#include <string_view>
#include <vector>

#include <tenon/address.hpp>
#include <tenon/traits.hpp>

#include "os/waiter.hpp"

namespace tenon {

/// How messages travel on a stream.
enum class Framing : std::uint8_t {
  message,  ///< in frames (docs/wire-format.md): every promise is kept
  lines,    ///< one message is one line of text, without its line break
  raw,      ///< bytes as they are, without boundaries
};

inline constexpr std::uint64_t default_max_message_size = 1ULL << 30;
inline constexpr std::uint64_t least_max_message_size = 64ULL << 20;

struct ChannelOptions {
  Framing framing = Framing::message;
  os::WaitMode wait = os::WaitMode::hybrid;
  std::uint64_t max_message_size =
      default_max_message_size;  ///< bytes that we are willing to receive in one message
  TraitSet require;

  /// Errors: invalid_argument, with the values that the option accepts.
  static Result<ChannelOptions> from(const Address& address);
};

/// The names that from() reads.
inline constexpr std::string_view common_options[] = {"framing", "wait", "max-message-size", "require"};

/// mode=0660 and group=NAME, for transports that make a name.
struct NameOptions {
  unsigned mode = 0600;
  int group = -1;

  static Result<NameOptions> from(const Address& address);
};

}  // namespace tenon
