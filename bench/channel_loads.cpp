#include "bench/channel_loads.hpp"

#include <array>

#include <tenon/channel.hpp>

#include "base/try.hpp"
#include "bench/os/wait.hpp"
#include "bench/pattern.hpp"

namespace bench {
namespace {

using tenon::ByteView;
using tenon::Channel;
using tenon::Deadline;
using tenon::Errc;
using tenon::Error;
using tenon::Result;
using namespace std::chrono_literals;

constexpr auto to_meet = 5s;
constexpr auto look_again = 20ms;
constexpr std::int64_t spin_ns = 50'000;
constexpr std::int64_t end_patience_ns = 10'000'000'000;
constexpr std::uint64_t between_clocks = 16;
constexpr std::uint64_t least_connections = 8;

Error broken(const char* what) {
  return {Errc::protocol_violation, "measure", "the messages", what};
}

/// Sends until its time is over, without waiting for anything.
Result<void> be_client(const Load& load, Exchange& exchange, SideReport& report) {
  auto channel = TRY(tenon::connect(TRY(exchange.published()), {.deadline = Deadline::in(to_meet)}));
  exchange.arrive();
  TRY(exchange.wait_arrived(fan_in_clients + 1));
  std::vector<std::byte> buffer(load.size);
  const std::int64_t began = now_ns();
  const std::int64_t warm_until = began + load.warm_up.count();
  const std::int64_t until = warm_until + load.measured.count();
  const Usage used = usage_now();
  std::int64_t now = began;
  std::uint64_t number = 0;
  while (now < until) {
    fill(buffer, {number++, now >= warm_until, false});
    TRY(channel.send(buffer));
    if (number % between_clocks == 0) now = now_ns();
  }
  report.messages = number;
  report.used = usage_now() - used;
  report.calls = {channel.statistics().sent.system_calls, channel.statistics().sent.sleeps};
  fill(buffer, {number, true, true});
  TRY(channel.send(buffer));
  const bool lossy = !channel.traits().has(tenon::Trait::lossless);
  while (lossy && !exchange.wait_finished(5'000'000)) TRY(channel.send(buffer));
  if (!exchange.wait_finished(end_patience_ns))
    return std::unexpected(broken("the listener never had the last one"));
  return {};
}

/// One listener's channels, and what came over them.
class Server {
 public:
  Server(Waiting waiting, SideReport& report) : waiting_(waiting), report_(report) {}

  Result<void> accept(tenon::Listener& listener) {
    for (unsigned client = 0; client < fan_in_clients; ++client) {
      auto channel = TRY(listener.accept(Deadline::in(to_meet)));
      const bool lossless = channel.traits().has(tenon::Trait::lossless);
      clients_.push_back({std::move(channel), lossless});
      descriptors_.push_back(TRY(clients_.back().channel.poll_fd()));
    }
    return {};
  }

  Result<void> serve() {
    std::int64_t idle_since = 0;
    while (ended_ < clients_.size()) {
      bool any = false;
      for (auto& client : clients_) any = TRY(take(client)) || any;
      if (any) {
        idle_since = 0;
        continue;
      }
      const std::int64_t now = now_ns();
      if (idle_since == 0) idle_since = now;
      if (waiting_ == Waiting::spin || (waiting_ == Waiting::hybrid && now - idle_since < spin_ns)) continue;
      wait_readable(descriptors_);
    }
    report_.ended_ns = now_ns();
    report_.used = usage_now() - used_;
    for (const auto& client : clients_) {
      report_.calls.moving += client.channel.statistics().received.system_calls;
      report_.calls.waiting += client.channel.statistics().received.sleeps;
    }
    return {};
  }

 private:
  struct Client {
    Channel channel;
    bool lossless = true;
    std::uint64_t next = 0;
    bool ended = false;
  };

  /// What is there from one client; false if that is nothing.
  Result<bool> take(Client& client) {
    if (client.ended) return false;
    const auto got = client.channel.borrow_many(messages_, Deadline::now());
    if (!got && got.error().code() == Errc::timed_out) return false;
    if (!got) return std::unexpected(got.error());
    for (std::size_t index = 0; index < *got; ++index) {
      const auto head = check(messages_[index].bytes());
      messages_[index] = {};
      if (!head || head->number < client.next) return std::unexpected(broken("one is not what was sent"));
      if (head->number > client.next && client.lossless) return std::unexpected(broken("one is missing"));
      report_.lost += head->number - client.next;
      client.next = head->number + 1;
      if (head->measured && report_.messages++ == 0) begin();
      if (!head->last) continue;
      client.ended = true;
      ++ended_;
      break;
    }
    return true;
  }
  void begin() {
    report_.began_ns = now_ns();
    used_ = usage_now();
  }

  Waiting waiting_;
  SideReport& report_;
  std::vector<Client> clients_;
  std::vector<int> descriptors_;
  std::array<tenon::Message, 64> messages_;
  std::size_t ended_ = 0;
  Usage used_;
};

Result<void> be_server(const std::string& address, Waiting waiting, Exchange& exchange) {
  auto listener = TRY(tenon::listen(address));
  exchange.publish(listener.address().to_string());
  Server server(waiting, exchange.side(1));
  TRY(server.accept(listener));
  exchange.arrive();
  TRY(server.serve());
  exchange.finish();
  return {};
}

/// Connects and closes, again and again.
Result<void> keep_connecting(const Load& load, Exchange& exchange) {
  SideReport& report = exchange.side(0);
  const auto address = TRY(exchange.published());
  const auto once = [&]() -> Result<void> {
    auto channel = TRY(tenon::connect(address, {.deadline = Deadline::in(to_meet)}));
    return channel.close();
  };
  TRY(once());
  const Usage used = usage_now();
  report.began_ns = now_ns();
  while (report.messages < least_connections || now_ns() - report.began_ns < load.measured.count()) {
    TRY(once());
    ++report.messages;
  }
  report.ended_ns = now_ns();
  report.used = usage_now() - used;
  report.calls_known = false;
  exchange.finish();
  return {};
}

Result<void> keep_accepting(const std::string& address, Exchange& exchange) {
  auto listener = TRY(tenon::listen(address));
  exchange.publish(listener.address().to_string());
  SideReport& report = exchange.side(1);
  const Usage used = usage_now();
  while (!exchange.finished()) {
    const auto channel = listener.accept(Deadline::in(look_again));
    if (channel) ++report.messages;
    if (!channel && channel.error().code() != Errc::timed_out) return std::unexpected(channel.error());
  }
  report.used = usage_now() - used;
  report.calls_known = false;
  return {};
}

}  // namespace

unsigned sides_of(Workload workload) noexcept {
  return workload == Workload::fan_in ? fan_in_clients + 1 : 2;
}

Result<void> work_on_channels(const Load& load, unsigned side, const std::string& address, Waiting waiting,
                              Exchange& exchange) {
  if (load.workload == Workload::connect)
    return side == 0 ? keep_connecting(load, exchange) : keep_accepting(address, exchange);
  return side == 1 ? be_server(address, waiting, exchange) : be_client(load, exchange, exchange.side(side));
}

Result<void> work_on_memory(std::span<const MeetingPtr> meetings, std::span<Exchange> exchanges,
                            unsigned side, std::size_t size, Exchange& exchange) {
  std::vector<std::unique_ptr<Link>> links;
  links.reserve(meetings.size());
  std::vector<std::byte> buffer(size);
  fill(buffer, {});
  const std::uint64_t before = own_memory();
  for (std::size_t index = 0; index < meetings.size(); ++index) {
    links.push_back(TRY(meetings[index]->join(side, exchanges[index])));
    if (side == 0) TRY(links.back()->send(buffer));
    if (!check(TRY(links.back()->receive()))) return std::unexpected(broken("one is not what was sent"));
    if (side == 1) TRY(links.back()->send(buffer));
  }
  exchange.arrive();  // all are there before anyone looks, and until all have looked
  TRY(exchange.wait_arrived(2));
  const std::uint64_t after = own_memory();
  exchange.arrive();
  TRY(exchange.wait_arrived(4));
  exchange.side(side).calls_known = false;
  exchange.side(side).messages = (after - std::min(before, after)) / meetings.size();
  return {};
}

}  // namespace bench
