#include "bench/link.hpp"

#include "base/try.hpp"

namespace bench {

const char* to_string(Waiting waiting) noexcept {
  switch (waiting) {
    case Waiting::spin:
      return "spin";
    case Waiting::hybrid:
      return "hybrid";
    case Waiting::block:
      break;
  }
  return "block";
}

tenon::Result<void> Link::send_many(std::span<const tenon::ByteView> messages) {
  for (const auto message : messages) TRY(send(message));
  return {};
}

tenon::Result<std::size_t> Link::receive_many(std::span<tenon::ByteView> into) {
  into.front() = TRY(receive());
  return 1;
}

tenon::Result<tenon::ByteSpan> Link::loan(std::size_t) {
  return std::unexpected(
      tenon::Error(tenon::Errc::unsupported, "loan", "memory", "this mechanism copies its messages"));
}

tenon::Result<void> Link::commit() {
  return std::unexpected(tenon::Error(tenon::Errc::unsupported, "commit", "a loan", "there was none"));
}

}  // namespace bench
