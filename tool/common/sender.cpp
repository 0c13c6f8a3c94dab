#include "common/sender.hpp"

#include <algorithm>

#include "base/try.hpp"
#include "common/pace.hpp"
#include "common/progress.hpp"

namespace tool {
namespace {

constexpr std::size_t batch_size = 1024;

tenon::Deadline room_by(const SendLimits& limits, const tenon::Canceller& canceller) {
  return (limits.timeout ? tenon::Deadline::in(*limits.timeout) : tenon::Deadline::never()).unless(canceller);
}

void count(Sent& sent, std::span<const tenon::ByteView> messages) {
  sent.messages += messages.size();
  for (const auto& message : messages) sent.bytes += message.size();
}

}  // namespace

tenon::Result<void> send_all(tenon::Channel& channel, Source& source, const SendLimits& limits,
                             Progress* progress, const tenon::Canceller& canceller, Sent& sent) {
  Pace pace(limits.rate);
  const std::uint64_t wanted = limits.count.value_or(UINT64_MAX);
  while (sent.messages < wanted) {
    const auto at_most = std::min<std::uint64_t>(pace.limited() ? 1 : batch_size, wanted - sent.messages);
    auto batch = TRY(source.next(static_cast<std::size_t>(at_most)));
    if (batch.empty()) break;
    sent.cut_off = true;
    TRY(pace.wait(canceller));
    while (!batch.empty()) {
      const std::size_t went = TRY(channel.send_many(batch, room_by(limits, canceller)));
      count(sent, batch.first(went));
      batch = batch.subspan(went);
    }
    sent.cut_off = false;
    if (progress != nullptr) progress->update(sent.messages, sent.bytes);
  }
  return {};
}

}  // namespace tool
