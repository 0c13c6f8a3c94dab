#include "common/drain.hpp"

#include <array>

#include "base/try.hpp"

namespace tool {

tenon::Result<std::unique_ptr<Drain>> Drain::start(tenon::Channel& channel, tenon::Canceller& when_ended) {
  auto own = TRY(tenon::Canceller::create());
  std::unique_ptr<Drain> drain(new Drain(channel, when_ended, std::move(own)));
  drain->thread_ = std::thread(&Drain::run, drain.get());
  return drain;
}

void Drain::end() {
  if (!thread_.joinable()) return;
  own_.cancel();
  thread_.join();
}

void Drain::run() {
  std::array<tenon::Message, 64> messages;
  for (;;) {
    const auto got = channel_.borrow_many(messages, tenon::Deadline::never().unless(own_));
    if (!got) {
      const auto code = got.error().code();
      if (code == tenon::Errc::cancelled || code == tenon::Errc::unsupported) return;
      reason_ = got.error();
      when_ended_.cancel();
      return;
    }
    messages_ += *got;
    for (auto& message : messages) message = {};
  }
}

}  // namespace tool
