// What the tests of file: share: a folder, and a pair that meets in it.
#pragma once

#include <filesystem>
#include <optional>
#include <string>

#include "channel/conformance_test.hpp"

namespace tenon::test {

class FileChannel : public testing::Test {
 protected:
  struct Pair {
    Listener listener;
    Channel accepted;
    Channel connected;
  };

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
  std::string file(const std::string& name) const { return path_ + "/" + name; }
  static std::string segment(int number) {
    std::string digits = std::to_string(number);
    return "to-listener-" + std::string(16 - digits.size(), '0') + digits + ".log";
  }
  std::uint64_t bytes_in_folder() const {
    std::uint64_t sum = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) sum += entry.file_size();
    return sum;
  }
  static std::string next(Channel& channel) { return std::string(value_of(channel.borrow(soon())).text()); }
  static Result<void> send_number(Channel& channel, int number) {
    return channel.send(std::to_string(number), soon());
  }

  TemporaryFolder folder_;
  std::string path_ = folder_ / "d";
  std::string address_ = "file:" + path_;
};

}  // namespace tenon::test
