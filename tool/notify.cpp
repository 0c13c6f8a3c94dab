// `tenon notify`: notifies a process, or whoever waits at an eventfd.
#include <CLI/CLI.hpp>
#include <tenon/os/fd.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/event.hpp"
#include "common/exit_status.hpp"
#include "common/options.hpp"
#include "os/signals.hpp"

namespace tool {
namespace {

using namespace std::chrono_literals;
using tenon::Deadline;
using tenon::Errc;
using tenon::Result;

constexpr std::chrono::nanoseconds retry_every = 20ms;

class NotifyCommand final : public Command {
 public:
  void declare(CLI::App& app) override {
    place_.declare(app);
    add_number(app, "-n,--count", count_, 1, "Notify N times (once unless given)");
    app.add_option("--value", value_, "Over signals: the whole number that goes with it")->type_name("N");
    add_duration(app, "--wait", wait_, "Wait up to this long for the process to wait for us");
  }

  Result<int> run() override {
    auto event = TRY(open());
    if (!value_) {
      TRY(event.notify(count_));
      return exit_done;
    }
    for (std::uint64_t sent = 0; sent < count_; ++sent) TRY(event.notify_value(*value_));
    return exit_done;
  }

 private:
  Result<tenon::Event> open() const {
    const auto until = Deadline::in(wait_.value_or(0ns)).unless(stop());
    for (;;) {
      auto event = place_.open();
      if (event || event.error().code() != Errc::no_one_there || until.expired()) return event;
      const auto pause = Deadline::in(retry_every).or_earlier(until).unless(stop());
      const auto slept = tenon::os::wait_for(stop().poll_fd(), tenon::os::Wait::readable, pause);
      if (slept || slept.error().code() == Errc::cancelled)
        return std::unexpected(tenon::Error(Errc::cancelled, "open", place_.address));
    }
  }

  EventPlace place_;
  std::uint64_t count_ = 1;
  std::optional<int> value_;
  std::optional<std::chrono::nanoseconds> wait_;
};

}  // namespace

std::unique_ptr<Command> make_notify() {
  return std::make_unique<NotifyCommand>();
}

}  // namespace tool
