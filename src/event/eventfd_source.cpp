// Events over eventfd(2).
#include "base/try.hpp"
#include "event/source.hpp"

namespace tenon {
namespace {

class EventFdSource final : public EventSource {
 public:
  explicit EventFdSource(os::EventFd fd)
      : EventSource("eventfd:" + std::to_string(fd.fd())), fd_(std::move(fd)) {}

  Result<void> notify(std::uint64_t count) override {
    auto notified = fd_.notify(count);
    if (!notified) return std::unexpected(notified.error().with("notify", address()));
    return {};
  }
  Result<void> notify_value(int) override {
    return unsupported("notify", "an eventfd carries a count and no value: use signal:PID, or a channel");
  }
  Result<Notification> wait(Deadline deadline) override {
    const auto taken = fd_.wait(deadline);
    if (!taken) return std::unexpected(taken.error().with("wait", address()));
    return Notification{.count = *taken, .value = {}, .sender_pid = {}};
  }
  Result<int> poll_fd() const override { return fd_.fd(); }

 private:
  os::EventFd fd_;
};

}  // namespace

Result<std::unique_ptr<EventSource>> make_eventfd_source(os::EventFd fd) {
  return std::make_unique<EventFdSource>(std::move(fd));
}

}  // namespace tenon
