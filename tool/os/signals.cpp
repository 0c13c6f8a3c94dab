#include "os/signals.hpp"

#include <unistd.h>
#include <array>
#include <atomic>
#include <csignal>
#include <optional>

#include <tenon/os/signals.hpp>

#include "base/try.hpp"

namespace tool {
namespace {

std::optional<tenon::Canceller> canceller;
std::atomic<int> received_signal{0};

void on_signal(int number) {
  received_signal.store(number, std::memory_order_relaxed);
  canceller->cancel();
}

}  // namespace

tenon::Result<void> catch_signals() {
  canceller.emplace(TRY(tenon::Canceller::create()));
  tenon::os::ignore_sigpipe();
  for (const int number : std::array{SIGINT, SIGTERM, SIGHUP}) {
    struct sigaction action{};
    sigaction(number, nullptr, &action);
    if (action.sa_handler == SIG_IGN) continue;
    action = {};
    action.sa_handler = on_signal;
    action.sa_flags = static_cast<int>(SA_RESETHAND);
    sigaction(number, &action, nullptr);
  }
  return {};
}

tenon::Canceller& stop() {
  return *canceller;
}

int process_id() noexcept {
  return ::getpid();
}

int stopping_signal() noexcept {
  return received_signal.load(std::memory_order_relaxed);
}

}  // namespace tool
