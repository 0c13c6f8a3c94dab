// `tenon relay`: joins two addresses, any transport to any transport, message by message.
#include <algorithm>
#include <atomic>
#include <cstdlib>
#include <list>
#include <thread>

#include <fmt/format.h>
#include <CLI/CLI.hpp>

#include "base/try.hpp"
#include "command.hpp"
#include "common/connection.hpp"
#include "common/exit_status.hpp"
#include "common/options.hpp"
#include "common/output.hpp"
#include "common/pump.hpp"
#include "os/signals.hpp"
#include "os/streams.hpp"

namespace tool {
namespace {

using namespace std::chrono_literals;
using tenon::Deadline;
using tenon::Errc;
using tenon::Error;
using tenon::Result;

constexpr std::size_t max_clients = 256;

/// A client of --many, served by a thread of its own.
struct Client {
  explicit Client(tenon::Canceller its_canceller) : canceller(std::move(its_canceller)) {}
  tenon::Canceller canceller;
  std::thread thread;
  std::atomic<bool> done{false};
};

class RelayCommand final : public Command {
 public:
  void declare(CLI::App& app) override;
  Result<int> run() override;

 private:
  Result<void> check() const;
  Result<int> relay_one(Tee* tee);
  Result<int> relay_many(Tee* tee);
  Result<void> serve(tenon::Channel a, Tee* tee, tenon::Canceller& canceller) const;
  Result<void> start(std::list<Client>& clients, tenon::Channel a, Tee* tee) const;
  Result<tenon::Channel> open(const std::string& address, std::optional<tenon::Listener>& listener) const;

  std::string a_;
  std::string b_;
  bool listen_a_ = false;
  bool listen_b_ = false;
  bool many_ = false;
  bool verbose_ = false;
  std::string tee_path_;
  std::optional<std::chrono::nanoseconds> timeout_;
  std::optional<std::chrono::nanoseconds> wait_;
};

void RelayCommand::declare(CLI::App& app) {
  app.add_option("A", a_, "One address")->required()->type_name("");
  app.add_option("B", b_, "The other address")->required()->type_name("");
  auto* const listen_a = app.add_flag("--listen-a", listen_a_, "Wait at A for a peer instead of connecting");
  app.add_flag("--listen-b", listen_b_, "Wait at B for a peer instead of connecting");
  app.add_flag("-m,--many", many_,
               "With --listen-a: serve every peer that comes, each with its own channel to B")
      ->needs(listen_a);
  app.add_option("--tee", tee_path_, "Write what passes to this file: a JSON object a line")
      ->type_name("FILE");
  add_duration(app, "--timeout", timeout_, "Give up connecting, or waiting for a peer, after this long");
  add_duration(app, "--wait", wait_, "Wait up to this long for someone to listen");
  app.add_flag("-v,--verbose", verbose_, "Say on standard error what happens");
}

Result<void> RelayCommand::check() const {
  if (many_ && listen_b_) {
    return std::unexpected(Error(Errc::invalid_argument, "read", "the command line",
                                 "--many connects to B: leave out --listen-b"));
  }
  return {};
}

Result<tenon::Channel> RelayCommand::open(const std::string& address,
                                          std::optional<tenon::Listener>& listener) const {
  if (!listener) return open_client(address, timeout_.value_or(5s), wait_);
  auto channel = listener->accept(deadline_in(timeout_));
  listener.reset();
  return channel;
}

Result<int> RelayCommand::relay_one(Tee* tee) {
  std::optional<tenon::Listener> listener_a;
  std::optional<tenon::Listener> listener_b;
  if (listen_a_) listener_a.emplace(TRY(open_listener(a_, verbose_)));
  if (listen_b_) listener_b.emplace(TRY(open_listener(b_, verbose_)));
  auto a = TRY(open(a_, listener_a));
  say_connected(a, verbose_);
  auto b = TRY(open(b_, listener_b));
  say_connected(b, verbose_);
  Pump pump(a, b, tee, stop());
  const auto result = pump.run();
  if (verbose_)
    say(fmt::format("{} messages from A to B, {} from B to A", pump.passed().a_to_b, pump.passed().b_to_a));
  TRY(result);
  TRY(a.close(deadline_in(timeout_)));
  TRY(b.close(deadline_in(timeout_)));
  return exit_done;
}

Result<void> RelayCommand::serve(tenon::Channel a, Tee* tee, tenon::Canceller& canceller) const {
  auto b = TRY(open_client(b_, timeout_.value_or(5s), wait_));
  Pump pump(a, b, tee, canceller);
  return pump.run();
}

Result<void> RelayCommand::start(std::list<Client>& clients, tenon::Channel a, Tee* tee) const {
  std::erase_if(clients, [](Client& client) {
    if (!client.done.load(std::memory_order_acquire)) return false;  // SYNC: client done
    client.thread.join();
    return true;
  });
  if (clients.size() >= max_clients) {
    say(fmt::format("a peer was turned away: {} are served already", max_clients));
    return {};
  }
  Client& client = clients.emplace_back(TRY(tenon::Canceller::create()));
  say_connected(a, verbose_);
  client.thread = std::thread([this, tee, &client, channel = std::move(a)]() mutable {
    const auto served = serve(std::move(channel), tee, client.canceller);
    if (!served && served.error().code() != Errc::cancelled) say(served.error().message());
    client.done.store(true, std::memory_order_release);  // SYNC: client done
  });
  return {};
}

Result<int> RelayCommand::relay_many(Tee* tee) {
  auto listener = TRY(open_listener(a_, verbose_));
  std::list<Client> clients;
  Result<void> result;
  while (result) {
    auto a = listener.accept(deadline_in(timeout_));
    result = a ? start(clients, std::move(*a), tee) : std::unexpected(a.error());
  }
  const bool idle = result.error().code() == Errc::timed_out && !clients.empty();
  for (auto& client : clients) {
    if (!idle) client.canceller.cancel();
    client.thread.join();
  }
  return std::unexpected(result.error());
}

Result<int> RelayCommand::run() {
  TRY(check());
  if (tee_path_.empty()) return many_ ? relay_many(nullptr) : relay_one(nullptr);
  const auto file = TRY(open_output(tee_path_));
  Output out(file.get(), stop());
  Tee tee(out);
  return many_ ? relay_many(&tee) : relay_one(&tee);
}

}  // namespace

std::unique_ptr<Command> make_relay() {
  return std::make_unique<RelayCommand>();
}

}  // namespace tool
