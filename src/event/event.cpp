#include <tenon/event.hpp>

#include <charconv>
#include <new>

#include "base/try.hpp"
#include "event/source.hpp"

namespace tenon {
namespace {

template <typename Function>
auto guarded(std::string_view operation, Function function) -> decltype(function()) {
  try {
    return function();
  } catch (const std::bad_alloc&) {
    return std::unexpected(Error(Errc::resource_limit, operation));
  }
}

std::unexpected<Error> bad(const Address& address, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
}

Result<std::unique_ptr<EventSource>> open_eventfd(const Address& address) {
  int number = -1;
  const char* const end = address.place().data() + address.place().size();
  const auto [rest, problem] = std::from_chars(address.place().data(), end, number);
  if (problem != std::errc{} || rest != end || number < 0)
    return bad(address, "name a descriptor that this process has: eventfd:3");
  if (!address.options().empty())
    return bad(address, "eventfd: has no options; counter or semaphore was chosen by whoever made it");
  auto copy = os::duplicate(number);
  auto adopted = copy ? os::EventFd::adopt(std::move(*copy)) : std::unexpected(copy.error());
  if (!adopted) return std::unexpected(adopted.error().with("open", address.to_string()));
  auto source = TRY(make_eventfd_source(std::move(*adopted)));
  os::Fd(number).reset();  // taken over: closed here, our copy goes on
  return source;
}

}  // namespace

Event::Event(std::unique_ptr<EventSource> source) noexcept : source_(std::move(source)) {}
Event::Event(Event&&) noexcept = default;
Event& Event::operator=(Event&&) noexcept = default;
Event::~Event() = default;

Result<Event> Event::create(Mode mode) {
  return guarded("create event", [&]() -> Result<Event> {
    return Event(TRY(make_eventfd_source(TRY(os::EventFd::create(0, mode)))));
  });
}

Result<Event> Event::adopt(os::Fd fd) {
  return guarded("adopt event", [&]() -> Result<Event> {
    return Event(TRY(make_eventfd_source(TRY(os::EventFd::adopt(std::move(fd))))));
  });
}

Result<Event> Event::open(std::string_view text) {
  return guarded("open event", [&]() -> Result<Event> {
    const Address address = TRY(Address::parse(text));
    if (address.scheme() == "eventfd") return Event(TRY(open_eventfd(address)));
    if (address.scheme() == "signal") return Event(TRY(make_signal_source(address)));
    return bad(address, "events are at eventfd:N, signal:PID (to notify) and signal: (to wait)");
  });
}

Result<void> Event::notify(std::uint64_t count) {
  return guarded("notify", [&] { return source_->notify(count); });
}

Result<void> Event::notify_value(int value) {
  return guarded("notify", [&] { return source_->notify_value(value); });
}

Result<Notification> Event::wait(Deadline deadline) {
  return guarded("wait", [&] { return source_->wait(deadline); });
}

Result<int> Event::poll_fd() const {
  return source_->poll_fd();
}

const std::string& Event::address() const noexcept {
  return source_->address();
}

}  // namespace tenon
