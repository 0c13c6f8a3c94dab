#include "common/printer.hpp"

#include <algorithm>
#include <span>
#include <vector>

#include "base/try.hpp"

namespace tool {
namespace {

constexpr std::size_t batch_size = 1024;
constexpr std::size_t large = 64 * 1024;

}  // namespace

tenon::Result<void> print_message(Output& out, Format format, tenon::ByteView message, std::uint64_t number) {
  const bool as_it_is = format == Format::line || format == Format::raw;
  if (!as_it_is || message.size() < large) {
    append_message(out.buffer(), format, message, number);
    return out.settle();
  }
  TRY(out.write(tenon::text_of(message)));
  if (format == Format::line) out.buffer().push_back('\n');
  return {};
}

tenon::Result<void> receive_all(tenon::Channel& channel, const ReceiveLimits& limits,
                                const tenon::Canceller& canceller, Received& received,
                                const std::function<tenon::Result<void>(tenon::ByteView, std::uint64_t)>& use,
                                const std::function<tenon::Result<void>()>& idle) {
  std::vector<tenon::Message> messages(batch_size);
  bool kept_back = false;
  while (received.messages < limits.count && !limits.until.expired()) {
    if (canceller.cancelled()) return std::unexpected(tenon::Error(tenon::Errc::cancelled, "receive"));
    const auto at_most = std::min<std::uint64_t>(batch_size, limits.count - received.messages);
    const auto into = std::span(messages).first(static_cast<std::size_t>(at_most));
    const auto wait =
        limits.timeout ? tenon::Deadline::in(*limits.timeout).or_earlier(limits.until) : limits.until;
    const auto got = channel.borrow_many(into, kept_back ? tenon::Deadline::now() : wait.unless(canceller));
    if (!got) {
      const bool timed_out = got.error().code() == tenon::Errc::timed_out;
      if (kept_back) TRY(idle());
      if (!timed_out || (!kept_back && !limits.until.expired())) return std::unexpected(got.error());
      kept_back = false;
      continue;
    }
    kept_back = true;
    for (auto& message : into.first(*got)) {
      ++received.messages;
      received.bytes += message.size();
      TRY(use(message.bytes(), received.messages));
      message = {};
    }
    // Where messages outlive their reader, asking for more says that these have been dealt with.
    if (channel.traits().has(tenon::Trait::survives_restart)) {
      TRY(idle());
      kept_back = false;
    }
  }
  return idle();
}

}  // namespace tool
