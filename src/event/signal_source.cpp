// Events over signals: sigqueue(3) by way of a pidfd, signalfd(2).
#include <array>
#include <charconv>

#include <tenon/os/process.hpp>
#include <tenon/os/signals.hpp>

#include "base/try.hpp"
#include "event/source.hpp"
#include "os/signal_target.hpp"

namespace tenon {
namespace {

/// What one wait merges at most, so that a flood does not keep it for ever.
constexpr std::uint64_t most_merged = 1U << 16;

struct SignalOptions {
  int number = 0;
  Event::Mode mode = Event::Mode::counter;
};

std::unexpected<Error> bad(const Address& address, std::string advice) {
  return std::unexpected(
      Error(Errc::invalid_argument, "parse address", address.to_string(), std::move(advice)));
}

Result<SignalOptions> options_of(const Address& address) {
  SignalOptions options;
  for (const auto& [name, value] : address.options()) {
    if (name != "number" && name != "mode")
      return bad(address, "there is no option '" + name + "' for signal:; there are number, mode");
  }
  const auto number = os::signal_number(address.option("number").value_or("RTMIN"));
  if (!number) return bad(address, "number: " + std::string(number.error().advice()));
  options.number = *number;
  if (const auto mode = address.option("mode")) {
    if (*mode == "semaphore")
      options.mode = Event::Mode::semaphore;
    else if (*mode != "counter")
      return bad(address, "mode=" + std::string(*mode) + ": it is counter or semaphore");
  }
  return options;
}

class SignalReceiver final : public EventSource {
 public:
  SignalReceiver(const Address& address, os::SignalFd fd, Event::Mode mode)
      : EventSource(address.to_string()), fd_(std::move(fd)), mode_(mode) {
    fd_.keep_blocked();
  }

  Result<void> notify(std::uint64_t) override {
    return unsupported("notify", "this side waits: give the pid of the process that does, as in signal:812");
  }
  Result<void> notify_value(int) override { return notify(1); }
  Result<Notification> wait(Deadline deadline) override;
  Result<int> poll_fd() const override { return fd_.fd(); }

 private:
  os::SignalFd fd_;
  Event::Mode mode_;
};

Result<Notification> SignalReceiver::wait(Deadline deadline) {
  std::array<os::ReceivedSignal, 16> batch;
  const auto room = std::span(batch).first(mode_ == Event::Mode::semaphore ? 1 : batch.size());
  auto got = fd_.receive(room, deadline);
  if (!got) return std::unexpected(got.error().with("wait", address()));
  Notification taken{.count = *got, .value = {}, .sender_pid = {}};
  os::ReceivedSignal last = batch[*got - 1];
  while (*got == batch.size() && taken.count < most_merged && (got = fd_.receive(room, Deadline::now()))) {
    taken.count += *got;
    last = batch[*got - 1];
  }
  taken.value = last.value;
  taken.sender_pid = last.sender_pid;
  return taken;
}

class SignalSender final : public EventSource {
 public:
  SignalSender(const Address& address, os::Process process, int number)
      : EventSource(address.to_string()), process_(std::move(process)), number_(number) {}

  Result<void> notify(std::uint64_t count) override {
    for (std::uint64_t sent = 0; sent < count; ++sent) TRY(notify_value(0));
    return {};
  }
  Result<void> notify_value(int value) override {
    auto queued = process_.queue(number_, value);
    if (queued) return {};
    if (queued.error().code() == Errc::not_found)
      return std::unexpected(Error(Errc::peer_died, "notify", address(), "the process has ended"));
    return std::unexpected(queued.error().with("notify", address()));
  }
  Result<Notification> wait(Deadline) override {
    return unsupported("wait", "this side notifies: the process itself waits, with signal:");
  }
  Result<int> poll_fd() const override {
    return unsupported("poll", "this side notifies: the process itself waits, with signal:");
  }

 private:
  os::Process process_;
  int number_;
};

/// A signal that nobody expects ends most processes: better not to send it.
Result<void> check_that_it_waits(const Address& address, int pid, int number) {
  const std::string name = os::signal_name(number);
  const std::string process = "process " + std::to_string(pid);
  switch (os::reception_of(pid, number)) {
    case os::Reception::fatal:
      return std::unexpected(Error(Errc::no_one_there, "open", address.to_string(),
                                   process + " does not wait for " + name + ", which would end it"));
    case os::Reception::ignored:
      return std::unexpected(
          Error(Errc::no_one_there, "open", address.to_string(), process + " ignores " + name));
    default:
      return {};
  }
}

Result<std::unique_ptr<EventSource>> make_sender(const Address& address, const SignalOptions& options) {
  int pid = 0;
  const char* const end = address.place().data() + address.place().size();
  const auto [rest, problem] = std::from_chars(address.place().data(), end, pid);
  if (problem != std::errc{} || rest != end || pid < 1)
    return bad(address, "name a process by its pid, signal:812, or nothing to wait: signal:");
  auto process = os::Process::open(pid);
  if (!process) {
    const bool none = process.error().code() == Errc::not_found;
    return std::unexpected(Error(none ? Errc::no_one_there : process.error().code(), "open",
                                 address.to_string(),
                                 none ? "no process has this pid" : std::string(process.error().advice())));
  }
  if (auto may = process->kill(0); !may) {
    const bool ended = may.error().code() == Errc::not_found;
    return std::unexpected(Error(ended ? Errc::no_one_there : may.error().code(), "open", address.to_string(),
                                 ended ? "the process has ended" : "it belongs to another user"));
  }
  TRY(check_that_it_waits(address, pid, options.number));
  return std::make_unique<SignalSender>(address, std::move(*process), options.number);
}

}  // namespace

Result<std::unique_ptr<EventSource>> make_signal_source(const Address& address) {
  const SignalOptions options = TRY(options_of(address));
  if (!address.place().empty()) return make_sender(address, options);
  auto fd = os::SignalFd::create({options.number});
  if (!fd) return std::unexpected(fd.error().with("open", address.to_string()));
  return std::make_unique<SignalReceiver>(address, std::move(*fd), options.mode);
}

}  // namespace tenon
