// Cuts a stream of bytes into messages, in place.
#pragma once

#include <cstddef>
#include <memory>
#include <string>
#include <vector>

#include <tenon/bytes.hpp>
#include <tenon/error.hpp>

namespace tool {

enum class Split {
  line,   ///< at every line feed, which is not part of the message; the last one may lack it
  nul,    ///< at every zero byte, likewise
  len32,  ///< a length of 4 bytes, little-endian, before each
  none,   ///< all of it is one message
};

inline constexpr const char* split_names = "line|nul|len32|none";

/// Grows to the longest message, at most `max_message` bytes and a block.
class Splitter {
 public:
  Splitter(Split split, std::uint64_t max_message) : split_(split), max_message_(max_message) {}

  /// Where to put the next bytes; the messages handed out before are gone.
  tenon::ByteSpan space();
  void filled(std::size_t bytes) noexcept { end_ += bytes; }
  /// There is no more to come: what is left is a message.
  void end() noexcept { ended_ = true; }

  /// Appends the complete messages that are here, at most `at_most`.
  /// Errors: message_too_large; system_error (len32: the input ends within a message).
  tenon::Result<void> take(std::vector<tenon::ByteView>& into, std::size_t at_most);

 private:
  bool take_delimited(std::vector<tenon::ByteView>& into);
  bool take_length_prefixed(std::vector<tenon::ByteView>& into);
  void take_rest(std::vector<tenon::ByteView>& into);
  tenon::Result<void> check_rest() const;

  Split split_;
  std::uint64_t max_message_;
  std::unique_ptr<std::byte[]> memory_;
  std::size_t capacity_ = 0;
  std::size_t begin_ = 0;    ///< of the first message not handed out
  std::size_t scanned_ = 0;  ///< no delimiter before here
  std::size_t end_ = 0;      ///< of what was filled in
  bool ended_ = false;
};

}  // namespace tool
