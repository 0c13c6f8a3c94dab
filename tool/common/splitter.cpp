#include "common/splitter.hpp"

#include <algorithm>
#include <cstring>

#include <fmt/format.h>
#include <tenon/units.hpp>

namespace tool {
namespace {

constexpr std::size_t block = 256 * 1024;
constexpr std::size_t length_prefix = 4;

std::size_t length_at(const std::byte* bytes) noexcept {
  std::size_t length = 0;
  for (std::size_t index = length_prefix; index-- > 0;)
    length = length << 8 | std::to_integer<std::size_t>(bytes[index]);
  return length;
}

}  // namespace

tenon::ByteSpan Splitter::space() {
  if (begin_ > 0) {
    if (end_ > begin_) std::memmove(memory_.get(), memory_.get() + begin_, end_ - begin_);
    end_ -= begin_;
    scanned_ -= begin_;
    begin_ = 0;
  }
  if (capacity_ - end_ < block / 2) {
    const std::size_t larger = std::max(2 * capacity_, block);
    auto memory = std::make_unique_for_overwrite<std::byte[]>(larger);
    if (end_ > 0) std::memcpy(memory.get(), memory_.get(), end_);
    memory_ = std::move(memory);
    capacity_ = larger;
  }
  return {memory_.get() + end_, capacity_ - end_};
}

bool Splitter::take_delimited(std::vector<tenon::ByteView>& into) {
  if (scanned_ == end_) return false;
  const int delimiter = split_ == Split::line ? '\n' : '\0';
  const void* found = std::memchr(memory_.get() + scanned_, delimiter, end_ - scanned_);
  if (found == nullptr) {
    scanned_ = end_;
    return false;
  }
  const auto at = static_cast<std::size_t>(static_cast<const std::byte*>(found) - memory_.get());
  into.emplace_back(memory_.get() + begin_, at - begin_);
  begin_ = scanned_ = at + 1;
  return true;
}

bool Splitter::take_length_prefixed(std::vector<tenon::ByteView>& into) {
  if (end_ - begin_ < length_prefix) return false;
  const std::size_t length = length_at(memory_.get() + begin_);
  if (end_ - begin_ - length_prefix < length) return false;
  into.emplace_back(memory_.get() + begin_ + length_prefix, length);
  begin_ = scanned_ = begin_ + length_prefix + length;
  return true;
}

void Splitter::take_rest(std::vector<tenon::ByteView>& into) {
  if (end_ > begin_ || split_ == Split::none) into.emplace_back(memory_.get() + begin_, end_ - begin_);
  begin_ = scanned_ = end_;
  split_ = Split::line;  // nothing is left: no second empty message
}

tenon::Result<void> Splitter::check_rest() const {
  std::uint64_t size = end_ - begin_;
  if (split_ == Split::len32) {
    size = size >= length_prefix ? length_at(memory_.get() + begin_) : 0;
    if (ended_ && end_ > begin_) {
      return std::unexpected(tenon::Error(tenon::Errc::system_error, "read", "input",
                                          "it ends within a message; is it what --split len32 expects?"));
    }
  }
  if (size > max_message_) {
    return std::unexpected(
        tenon::Error(tenon::Errc::message_too_large, "send",
                     fmt::format("a message of {} or more", tenon::format_size(size)),
                     fmt::format("this transport takes {} at most: cut it (--split), or use another",
                                 tenon::format_size(max_message_))));
  }
  return {};
}

tenon::Result<void> Splitter::take(std::vector<tenon::ByteView>& into, std::size_t at_most) {
  bool more = split_ != Split::none;
  while (more && into.size() < at_most) {
    more = split_ == Split::len32 ? take_length_prefixed(into) : take_delimited(into);
  }
  if (into.size() >= at_most) return {};
  if (auto checked = check_rest(); !checked) {
    if (into.empty()) return checked;
    return {};  // what came before it goes first; the next call finds the same
  }
  if (ended_) take_rest(into);
  return {};
}

}  // namespace tool
