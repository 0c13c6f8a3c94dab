// What is behind an Event: one of the two mechanisms, on one of its sides.
#pragma once

#include <cstdint>
#include <memory>
#include <string>

#include <tenon/address.hpp>
#include <tenon/event.hpp>

namespace tenon {

class EventSource {
 public:
  explicit EventSource(std::string address) : address_(std::move(address)) {}
  EventSource(const EventSource&) = delete;
  EventSource& operator=(const EventSource&) = delete;
  virtual ~EventSource() = default;

  virtual Result<void> notify(std::uint64_t count) = 0;
  virtual Result<void> notify_value(int value) = 0;
  virtual Result<Notification> wait(Deadline deadline) = 0;
  virtual Result<int> poll_fd() const = 0;

  const std::string& address() const noexcept { return address_; }

 protected:
  std::unexpected<Error> unsupported(std::string_view operation, std::string advice) const {
    return std::unexpected(Error(Errc::unsupported, operation, address_, std::move(advice)));
  }

 private:
  std::string address_;
};

/// `fd` must be an eventfd. Errors: invalid_argument.
Result<std::unique_ptr<EventSource>> make_eventfd_source(os::EventFd fd);
/// signal: and signal:PID, with their options.
Result<std::unique_ptr<EventSource>> make_signal_source(const Address& address);

}  // namespace tenon
