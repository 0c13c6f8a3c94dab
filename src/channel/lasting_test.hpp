// What the tests of transports share whose unread messages outlive both processes: a place, and a pair that meets
// there.
#pragma once

#include <optional>
#include <string>

#include "channel/conformance_test.hpp"

namespace tenon::test {

class LastingChannel : public testing::Test {
 protected:
  struct Pair {
    Listener listener;
    Channel accepted;
    Channel connected;
  };

  explicit LastingChannel(const std::string& scheme) : address_(scheme + ":" + path_) {}

  Listener listen_here(const std::string& options = {}) { return value_of(listen(address_ + options)); }
  Pair meet(const std::string& options = {}) {
    Listener listener = listen_here(options);
    std::optional<Result<Channel>> connected;
    std::jthread client([&] { connected.emplace(connect(address_ + options, {.deadline = soon()})); });
    Channel accepted = value_of(listener.accept(soon()));
    client.join();
    return {std::move(listener), std::move(accepted), value_of(std::move(*connected))};
  }
  Channel connect_when_there() {
    auto channel = connect(address_, {.deadline = soon()});
    while (!channel && channel.error().code() == Errc::no_one_there)
      channel = connect(address_, {.deadline = soon()});
    return value_of(std::move(channel));
  }
  static std::string next(Channel& channel) { return std::string(value_of(channel.borrow(soon())).text()); }
  static Result<void> send_number(Channel& channel, int number) {
    return channel.send(std::to_string(number), soon());
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "d";
  std::string address_;
};

}  // namespace tenon::test
