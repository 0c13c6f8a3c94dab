#include "channel/fifo/request.hpp"

#include <algorithm>
#include <cstring>
#include <string_view>

namespace tenon {
namespace {

// magic, version 1, size 48, reserved
constexpr std::array<unsigned char, 16> head{
    'T', 'E', 'N', 'O', 'N', '?', '\r', '\n', 1, 0, fifo_request_size, 0};
static_assert(head.size() + std::tuple_size_v<os::FifoToken> == fifo_request_size);

}  // namespace

FifoRequest encode_request(const os::FifoToken& token) noexcept {
  FifoRequest request;
  std::memcpy(request.data(), head.data(), head.size());
  std::memcpy(request.data() + head.size(), token.data(), token.size());
  return request;
}

/// Drops at least `count` bytes, and all that cannot begin a request.
void RequestScanner::drop(std::size_t count) noexcept {
  const auto may_begin_at = [this](std::size_t at) {
    return std::memcmp(window_.data() + at, head.data(), std::min(filled_ - at, head.size())) == 0;
  };
  while (count < filled_ && !may_begin_at(count)) ++count;
  std::memmove(window_.data(), window_.data() + count, filled_ - count);
  filled_ -= count;
}

std::optional<os::FifoToken> RequestScanner::next() noexcept {
  drop(0);
  if (filled_ < window_.size()) return std::nullopt;
  os::FifoToken token;
  std::memcpy(token.data(), window_.data() + head.size(), token.size());
  if (std::string_view(token.data(), token.size()).find_first_not_of("0123456789abcdef") ==
      std::string_view::npos) {
    filled_ = 0;
    return token;
  }
  drop(1);
  return std::nullopt;
}

}  // namespace tenon
