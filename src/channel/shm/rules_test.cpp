// A peer whose memory is in order and whose records are not: each rule of docs/ring.md, broken once.
#include "channel/shm/peer_test.hpp"

namespace tenon {
namespace {

using namespace test;
using shm::RecordKind;
using Part = ShmPeer::Part;

Part part(RecordKind kind, std::size_t size) {
  return {kind, pattern(size, 1)};
}

/// Begins a message of `total` bytes with `size` of them.
Part begin(std::uint64_t total, std::size_t size) {
  std::vector<std::byte> payload(sizeof total);
  std::memcpy(payload.data(), &total, sizeof total);
  const auto rest = pattern(size, 1);
  payload.insert(payload.end(), rest.begin(), rest.end());
  return {RecordKind::first, std::move(payload)};
}

struct BrokenRule {
  std::string name;
  std::vector<Part> parts;
  std::string reason;
};

void PrintTo(const BrokenRule& rule, std::ostream* out) {
  *out << rule.name;
}

std::vector<BrokenRule> broken_rules() {
  using enum RecordKind;
  return {
      {"middle_of_nothing", {part(middle, 100)}, "has not begun"},
      {"last_of_nothing", {part(last, 100)}, "has not begun"},
      {"withdrawal_of_nothing", {part(withdrawn, 0)}, "has not begun"},
      {"first_without_a_total", {part(first, 7)}, "has not begun"},
      {"first_that_is_all", {begin(100, 100)}, "all of it"},
      {"first_that_is_more", {begin(100, 200)}, "all of it"},
      {"total_beyond_the_maximum", {begin(1ULL << 62, 100)}, "maximum size"},
      {"total_just_beyond_the_maximum", {begin((64ULL << 20) + 1, 100)}, "maximum size"},
      {"first_of_nothing", {begin(1000, 0), part(last, 1000)}, "parts"},
      {"message_in_a_message", {begin(1000, 100), part(message, 10)}, "parts"},
      {"first_in_a_message", {begin(1000, 100), begin(1000, 100)}, "parts"},
      {"close_in_a_message", {begin(1000, 100), part(close, 0)}, "end in the middle"},
      {"early_last", {begin(1000, 100), part(last, 899)}, "parts"},
      {"late_last", {begin(1000, 100), part(last, 901)}, "parts"},
      {"empty_middle", {begin(1000, 100), part(middle, 0)}, "parts"},
      {"middle_that_ends", {begin(1000, 100), part(middle, 900)}, "parts"},
      {"middle_beyond_the_end", {begin(1000, 100), part(middle, 5000)}, "parts"},
  };
}

class RingRules : public MeetsShmPeer {};

class EachRule : public RingRules, public testing::WithParamInterface<BrokenRule> {};

TEST_P(EachRule, broken_is_a_protocol_violation_and_the_end) {
  peer_->write({part(RecordKind::message, 100)});
  EXPECT_TRUE(is_pattern(value_of(channel_.borrow(soon())).bytes(), 1));
  peer_->write(GetParam().parts);
  expect_the_end(GetParam().reason);
}

INSTANTIATE_TEST_SUITE_P(, EachRule, testing::ValuesIn(broken_rules()),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(RingRules, parts_in_order_are_a_message) {
  using enum RecordKind;
  peer_->write({begin(1000, 100), part(middle, 300), part(last, 600)});
  EXPECT_EQ(value_of(channel_.borrow(soon())).size(), 1000u);
  peer_->write({begin(1000, 100), part(withdrawn, 0), part(message, 10)});
  EXPECT_EQ(value_of(channel_.borrow(soon())).size(), 10u);
}

TEST_F(RingRules, a_skip_is_passed_over_but_not_one_after_the_other) {
  using enum RecordKind;
  peer_->write({part(skip, 4000)});
  EXPECT_ERRC(Errc::timed_out, channel_.borrow(Deadline::now()));
  peer_->write({begin(1000, 100), part(skip, 200), part(last, 900), part(skip, 0), part(message, 10)});
  EXPECT_EQ(value_of(channel_.borrow(soon())).size(), 1000u);
  EXPECT_EQ(value_of(channel_.borrow(soon())).size(), 10u);
  peer_->write({part(skip, 0), part(skip, 0), part(message, 10)});
  EXPECT_ERRC(Errc::protocol_violation, channel_.borrow(soon()));
  EXPECT_TRUE(peer_->is_disconnected());
}

TEST_F(RingRules, a_record_that_cannot_be_one_is_a_violation) {
  peer_->write_word(shm::record_word(RecordKind::message, ShmPeer::capacity));
  EXPECT_ERRC(Errc::protocol_violation, channel_.borrow(soon()));
  EXPECT_TRUE(peer_->is_disconnected());
}

TEST_F(RingRules, to_have_read_what_was_never_sent_is_a_violation) {
  peer_->claim_to_have_read(1 << 20);
  Result<void> sent;
  for (int i = 0; i < 5000 && sent; ++i) sent = channel_.send(pattern(1000, 1), soon());
  EXPECT_TRUE(is_error(Errc::protocol_violation, sent));
  EXPECT_TRUE(peer_->is_disconnected());
}

}  // namespace
}  // namespace tenon
