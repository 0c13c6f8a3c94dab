// Two ends whose messages of `size` lie in blocks: what the tests of blocks share.
#pragma once

#include <future>
#include <string>
#include <utility>

#include "channel/conformance_test.hpp"

namespace tenon::test {

class ShmArena : public testing::Test {
 protected:
  static constexpr std::size_t size = 20'000;  // more than a record of the small ring may be

  std::string address(const std::string& options = "") const {
    return "shm:" + folder_ / "s?capacity=8K" + options;
  }
  std::pair<Channel, Channel> meet(const std::string& options = "", const std::string& theirs = "") {
    Listener listener = value_of(listen(address(theirs)));
    auto connected =
        std::async(std::launch::async, [&] { return connect(address(options), {.deadline = soon()}); });
    Channel accepted = value_of(listener.accept(soon()));
    return {value_of(connected.get()), std::move(accepted)};
  }
  /// Sends pattern(count, number) in place; where it was written.
  static ByteSpan lend(Channel& channel, std::size_t count, std::uint64_t number) {
    Loan loan = value_of(channel.loan(count, soon()));
    const ByteSpan bytes = loan.bytes();
    std::ranges::copy(pattern(count, number), bytes.begin());
    EXPECT_OK(loan.commit(count, soon()));
    return bytes;
  }

  TemporaryFolder folder_;
};

}  // namespace tenon::test
