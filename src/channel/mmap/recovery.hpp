// What a ring holds that others have left: which messages in it nobody has read, and where the next one goes. A
// function of the memory alone.
#pragma once

#include <cstdint>
#include <expected>

#include "channel/mmap/layout.hpp"

namespace tenon::mapped {

struct Leftover {
  Unread unread;          ///< where its reader goes on, and its writer
  bool messages = false;  ///< there is at least one whole message
  std::uint64_t word =
      0;  ///< what stands at unread.end: a goodbye, or the beginning of what was never finished
};

struct Damage {
  std::uint64_t offset;  ///< in the ring
  const char* what;
};

/// `data` is the ring's memory, `capacity` bytes; the positions are its reader's words. Nobody uses it meanwhile.
///
/// Whole messages are left, up to the commit word of the last. What a killed writer had begun, and a goodbye, are not
/// messages: they begin at unread.end, and storing 0 there takes them out. The parts of a message longer than the ring
/// that a killed reader was in the middle of are passed over. Anything else that a writer never leaves is damage.
std::expected<Leftover, Damage> examine(const std::byte* data, std::uint64_t capacity, std::uint64_t settled,
                                        std::uint64_t read_position) noexcept;

}  // namespace tenon::mapped
