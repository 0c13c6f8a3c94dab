#include "common/pump.hpp"

#include <optional>
#include <thread>
#include <vector>

#include <fmt/format.h>

#include "base/try.hpp"
#include "common/format.hpp"

namespace tool {
namespace {

using tenon::Deadline;
using tenon::Errc;
using tenon::Result;

constexpr std::size_t batch_size = 256;

/// Whoever has closed already needs no finish().
Result<void> pass_on_end(tenon::Channel& to, Deadline deadline) {
  auto finished = to.finish(deadline);
  if (!finished && finished.error().code() == Errc::closed) return {};
  return finished;
}

}  // namespace

Result<void> Tee::write(std::string_view from, std::span<const tenon::Message> messages) {
  const std::scoped_lock lock(mutex_);
  for (const auto& message : messages) {
    append_message(out_.buffer(), Format::json, message.bytes(), ++number_, from);
  }
  return out_.flush();
}

Result<void> Pump::pass_on(tenon::Channel& from, tenon::Channel& to, std::string_view name,
                           std::uint64_t& count) {
  std::vector<tenon::Message> messages(batch_size);
  std::vector<tenon::ByteView> views;
  const auto deadline = Deadline::never().unless(canceller_);
  for (;;) {
    const auto got = from.borrow_many(messages, deadline);
    if (!got && got.error().code() == Errc::closed) return pass_on_end(to, deadline);
    if (!got) return std::unexpected(got.error());
    const auto batch = std::span(messages).first(*got);
    if (tee_ != nullptr) TRY(tee_->write(name, batch));
    views.clear();
    for (const auto& message : batch) views.push_back(message.bytes());
    for (std::span<const tenon::ByteView> left = views; !left.empty();) {
      const std::size_t went = TRY(to.send_many(left, deadline));
      count += went;
      left = left.subspan(went);
    }
    for (auto& message : batch) message = {};
  }
}

Result<void> Pump::run() {
  std::mutex mutex;
  std::optional<tenon::Error> first;
  const auto direction = [&](tenon::Channel& from, tenon::Channel& to, std::string_view name,
                             std::uint64_t& count) {
    const auto result = pass_on(from, to, name, count);
    if (result) return;
    const std::scoped_lock lock(mutex);
    if (!first) first = result.error();
    canceller_.cancel();
  };
  std::thread forth([&] { direction(a_, b_, "a", passed_.a_to_b); });
  if (!a_.traits().one_way && !b_.traits().one_way) direction(b_, a_, "b", passed_.b_to_a);
  forth.join();
  if (!first) return {};
  if (first->code() != Errc::closed && first->code() != Errc::cancelled) {
    a_.abort();  // who is left must see that something failed, not an orderly end
    b_.abort();
  }
  return std::unexpected(*first);
}

}  // namespace tool
