#include "common/connection.hpp"

#include <fmt/format.h>
#include <CLI/CLI.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/process.hpp>

#include "base/try.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "os/signals.hpp"

namespace tool {
namespace {

using namespace std::chrono_literals;
using tenon::Deadline;
using tenon::Errc;

constexpr std::chrono::nanoseconds connect_timeout = 5s;
constexpr std::chrono::nanoseconds retry_every = 20ms;

}  // namespace

void Connection::declare(CLI::App& app) {
  app.add_option("ADDR", address, "Where to meet the peer, e.g. unix:/tmp/t.sock (see tenon schemes)")
      ->required()
      ->type_name("");
  app.add_flag("-l,--listen", listen, "Wait at ADDR for one peer instead of connecting");
  add_duration(app, "--timeout", timeout,
               "Give up after this long: connecting (5s unless given), each send or receive");
  add_duration(app, "--wait", wait, "Wait up to this long for someone to listen at ADDR");
  app.add_flag("-v,--verbose", verbose, "Say on standard error what happens");
}

tenon::Deadline Connection::deadline() const {
  return deadline_in(timeout);
}

tenon::Deadline Connection::closing_deadline() const {
  return stop().cancelled() ? Deadline::in(1s) : deadline();
}

tenon::Result<tenon::Listener> open_listener(const std::string& address, bool verbose) {
  auto listener = TRY(tenon::listen(address));
  if (verbose) say(fmt::format("listening at {}", listener.address().to_string()));
  return listener;
}

tenon::Result<tenon::Channel> open_client(const std::string& address, std::chrono::nanoseconds timeout,
                                          std::optional<std::chrono::nanoseconds> wait) {
  if (address == "inherited:") return tenon::inherited(Deadline::in(timeout).unless(stop()));
  const auto until = Deadline::in(wait.value_or(0ns)).unless(stop());
  for (;;) {
    auto channel = tenon::connect(address, {.deadline = Deadline::in(timeout).unless(stop()), .require = {}});
    if (channel || channel.error().code() != Errc::no_one_there || until.expired()) return channel;
    const auto pause = Deadline::in(retry_every).or_earlier(until).unless(stop());
    const auto slept = tenon::os::wait_for(stop().poll_fd(), tenon::os::Wait::readable, pause);
    if (slept || slept.error().code() == Errc::cancelled) {
      return std::unexpected(tenon::Error(Errc::cancelled, "connect", address));
    }
  }
}

void say_connected(const tenon::Channel& channel, bool verbose) {
  if (!verbose) return;
  const auto peer = channel.peer();
  say(peer ? fmt::format("connected to process {} of user {}", peer->pid, peer->uid) : "connected");
}

tenon::Result<tenon::Channel> Connection::open() const {
  if (!listen) {
    auto channel = TRY(open_client(address, timeout.value_or(connect_timeout), wait));
    say_connected(channel, verbose);
    return channel;
  }
  std::optional<tenon::Listener> listener(TRY(open_listener(address, verbose)));
  auto channel = TRY(listener->accept(deadline()));
  listener.reset();
  say_connected(channel, verbose);
  return channel;
}

std::string describe_waiting(const tenon::Statistics::Direction& counts) {
  std::string text = fmt::format("{} system calls, {} sleeps, {} spins, {} wake-ups", counts.system_calls,
                                 counts.sleeps, counts.spins, counts.wakeups);
  if (counts.full_waits > 0) text += fmt::format(", {} times full", counts.full_waits);
  if (counts.high_water > 0) text += fmt::format(", at most {} bytes seen unread", counts.high_water);
  return text;
}

}  // namespace tool
