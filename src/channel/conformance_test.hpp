// What the files of the conformance suite share. Each promise of contract.hpp has tests named after it; each
// test runs over every row of test::rows().
#pragma once

#include <algorithm>
#include <thread>

#include <tenon/channel.hpp>

#include "channel/contract.hpp"
#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/meeting.hpp"
#include "support/queue_limit.hpp"

namespace tenon::test {

using namespace std::chrono_literals;

inline Deadline soon() {
  return Deadline::in(20s);
}  ///< a test that waits longer has failed

/// Sends until the channel is full and stays so: a mechanism with a buffer at each end moves bytes on by itself,
/// and may wake a sender only when there is much room.
inline void fill(Channel& channel, std::size_t size) {
  const auto payload = pattern(size, 1);
  while (channel.send(payload, Deadline::now()) || channel.send(payload, Deadline::in(50ms)) ||
         channel.send(payload, Deadline::now())) {
  }
}

class Conformance : public testing::TestWithParam<Row> {
 protected:
  void TearDown() override { Meeting::clean_up(); }

  std::unique_ptr<Meeting> arrange(const std::string& options = {}) const {
    return Meeting::arrange(GetParam(), options);
  }
  bool has_name() const { return !GetParam().address.empty(); }
  /// Below its messages, the row has packets: they are neither cut nor joined.
  bool keeps_packets() const {
    return GetParam().address.find("type=") != std::string::npos ||
           transport_of_row(GetParam()).scheme == "udp";
  }

  /// Whether the row promises what a test is about. If not, the test has nothing to show, and the suite's table
  /// (tests/promises) shows this reason in its place.
  bool promises(Trait trait) {
    return traits_of(GetParam()).has(trait) ||
           not_promised(std::string("no ") + std::string(to_string(trait)));
  }
  bool promises_size(std::uint64_t size) {
    return traits_of(GetParam()).max_message_size >= size || not_promised("max_message_size");
  }
  /// Frames over a byte stream, which a test can break; other transports have tests of their own.
  bool is_stream() {
    const Transport& transport = transport_of_row(GetParam());
    return transport.dial != nullptr || transport.scheme == "fd" || not_promised("tests of its own");
  }
  /// Those of `sizes` that one message can have, and `slack` bytes beside.
  std::vector<std::size_t> that_fit(std::vector<std::size_t> sizes, std::size_t slack = 0) const {
    const std::uint64_t largest = traits_of(GetParam()).max_message_size;
    std::erase_if(sizes, [&](std::size_t size) { return size + slack > largest; });
    return sizes;
  }
  std::size_t at_most(std::size_t size) const {
    return std::min<std::size_t>(size, traits_of(GetParam()).max_message_size);
  }
  /// Sends for each item in one thread and receives in another; where messages may get lost, one after the other.
  template <typename Items>
  void pass(const Items& items, auto send, auto receive) const {
    if (!traits_of(GetParam()).has(Trait::lossless)) {
      for (const auto& item : items) {
        send(item);
        receive(item);
      }
      return;
    }
    const std::jthread sender([&] {
      for (const auto& item : items) send(item);
    });
    for (const auto& item : items) receive(item);
  }
  bool needs_name() { return has_name() || not_promised("no name"); }
  bool needs_file() {
    return GetParam().address.find(":{folder}") != std::string::npos || not_promised("no file");
  }

 private:
  QueueTurn turn_{takes_turns(GetParam())};

  bool not_promised(const std::string& reason) {
    RecordProperty("not_promised", reason);
    return false;
  }
};

inline std::string row_name(const testing::TestParamInfo<Row>& info) {
  return info.param.name;
}

}  // namespace tenon::test

#define CONFORMANCE_SUITE(name)                    \
  class name : public tenon::test::Conformance {}; \
  INSTANTIATE_TEST_SUITE_P(, name, testing::ValuesIn(tenon::test::rows()), tenon::test::row_name)
