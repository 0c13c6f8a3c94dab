// What a peer may say of the blocks in which it lends messages, and of ours that it returns: each rule of docs/ring.md,
// broken once.
#include <fcntl.h>
#include <linux/sockios.h>
#include <sys/ioctl.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <unistd.h>
#include <functional>

#include "channel/arena.hpp"
#include "channel/shm/peer_test.hpp"

namespace tenon {
namespace {

using namespace test;
using shm::RecordKind;
using Part = ShmPeer::Part;

constexpr std::size_t size = 64 << 10;
constexpr int all_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE;

/// A block as a peer might make it; its bytes are those of pattern(.., 1).
os::Fd block(std::size_t bytes = size, int seals = all_seals, bool allocated = true) {
  os::Fd fd(::memfd_create("tenon-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  const auto content = pattern(1000, 1);
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(bytes)), 0);
  EXPECT_TRUE(!allocated || ::fallocate(fd.get(), 0, 0, static_cast<off_t>(bytes)) == 0);
  EXPECT_EQ(::pwrite(fd.get(), content.data(), std::min(bytes, content.size()), 0),
            static_cast<ssize_t>(std::min(bytes, content.size())));
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

template <typename Words>
Part part(RecordKind kind, const Words& words) {
  Part made{kind, std::vector<std::byte>(sizeof words)};
  std::memcpy(made.payload.data(), &words, sizeof words);
  return made;
}

Part lent(std::uint64_t number, std::uint64_t generation, std::uint64_t length, std::uint64_t brought = 0) {
  return part(RecordKind::lent, shm::LentRecord{number, generation, length, brought});
}

Part dropped(std::uint64_t number) {
  return part(RecordKind::dropped, number);
}

struct BrokenRule {
  std::string name;
  std::function<void(ShmPeer&)> breaks;
  std::string reason;
};

void PrintTo(const BrokenRule& rule, std::ostream* out) {
  *out << rule.name;
}

/// Each after block 0 was brought, and its first message is with the user.
std::vector<BrokenRule> broken_rules() {
  const auto writes = [](std::string name, std::vector<Part> parts, std::string reason) {
    return BrokenRule{std::move(name), [parts](ShmPeer& peer) { peer.write(parts); }, std::move(reason)};
  };
  const auto brings = [](std::string name, std::function<os::Fd()> make, std::uint64_t claimed,
                         std::string reason) {
    const auto breaks = [=](ShmPeer& peer) {
      peer.pass(make().get());
      peer.write({lent(1, 1, 10, claimed)});
    };
    return BrokenRule{std::move(name), breaks, std::move(reason)};
  };
  std::vector<BrokenRule> rules{
      writes("number_beyond_all", {lent(shm::most_blocks, 1, 10)}, "cannot have"),
      writes("number_far_beyond", {lent(1ULL << 63, 1, 10)}, "cannot have"),
      writes("not_brought", {lent(1, 1, 10)}, "not brought"),
      writes("generation_none", {lent(1, 0, 10)}, "not returned"),
      writes("generation_skipped", {lent(1, 2, 10)}, "not returned"),
      writes("generation_twice", {lent(0, 1, 10)}, "not returned"),
      writes("not_returned", {lent(0, 2, 10)}, "not returned"),
      writes("brought_but_not_returned", {lent(0, 2, 10, size)}, "not returned"),
      writes("no_descriptor", {lent(1, 1, 10, size)}, "without its descriptor"),
      writes("beyond_the_arena", {lent(1, 1, 10, ShmPeer::arena)}, "beyond the agreed arena="),
      writes("far_beyond_the_arena", {lent(1, 1, 10, UINT64_MAX)}, "beyond the agreed arena="),
      writes("too_long_a_record", {part(RecordKind::lent, std::array<std::uint64_t, 5>{1, 1, 10, size, 0})},
             "wrong length"),
      writes("too_short_a_record", {part(RecordKind::lent, std::array<std::uint64_t, 3>{1, 1, 10})},
             "wrong length"),
      writes("message_beyond_the_maximum", {lent(1, 1, (64ULL << 20) + 1, size)}, "maximum size"),
      writes("drops_what_it_has_not", {dropped(1)}, "does not have"),
      writes("drops_beyond_all", {dropped(shm::most_blocks)}, "does not have"),
      writes("drops_what_it_has_not_back", {dropped(0)}, "does not have"),
      writes("drops_nothing", {part(RecordKind::dropped, std::array<std::uint64_t, 2>{})}, "wrong length"),
      brings(
          "too_small", [] { return block(size / 2); }, size, "not of shared memory"),
      brings(
          "too_large", [] { return block(2 * size); }, size, "not of shared memory"),
      brings(
          "holes", [] { return block(size, all_seals, false); }, size, "not of shared memory"),
      brings(
          "a_file", [] { return os::Fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)); }, size,
          "not of shared"),
      brings(
          "a_socket", [] { return value_of(os::UnixSocket::pair()).first.release(); }, size, "not of shared"),
  };
  for (const int missing : {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE}) {
    rules.push_back(brings(
        "without_seal_" + std::to_string(missing), [missing] { return block(size, all_seals & ~missing); },
        size, "not of shared memory"));
  }
  const auto longer = [](ShmPeer& peer) {
    peer.pass(block().get());
    peer.write({lent(1, 1, size + 1, size)});
  };
  rules.push_back({"longer_than_its_block", longer, "longer than its block"});
  return rules;
}

/// Whether the other side has yet to read what was passed to it. SIOCOUTQ, unix(7).
bool has_unread_bytes(const ShmPeer& peer) {
  int bytes = 0;
  EXPECT_EQ(::ioctl(peer.data_socket(), SIOCOUTQ, &bytes), 0);
  return bytes > 0;
}

class ArenaRules : public MeetsShmPeer {
 protected:
  Message first_message() {
    peer_->pass(block().get());
    peer_->write({lent(0, 1, 1000, size)});
    Message message = value_of(channel_.borrow(soon()));
    EXPECT_TRUE(is_pattern(message.bytes(), 1));
    return message;
  }
};

class EachArenaRule : public ArenaRules, public testing::WithParamInterface<BrokenRule> {};

TEST_P(EachArenaRule, broken_is_a_protocol_violation_and_the_end) {
  const Message held = first_message();
  GetParam().breaks(*peer_);
  expect_the_end(GetParam().reason);
  EXPECT_TRUE(is_pattern(held.bytes(), 1));
}

INSTANTIATE_TEST_SUITE_P(, EachArenaRule, testing::ValuesIn(broken_rules()),
                         [](const auto& tested) { return tested.param.name; });

TEST_F(ArenaRules, a_block_is_lent_again_and_again_and_replaced_when_it_was_returned) {
  EXPECT_EQ(peer_->returned(0), 0u);
  {
    const Message message = first_message();
  }
  EXPECT_EQ(peer_->returned(0), 1u);
  peer_->write({lent(0, 2, size)});
  EXPECT_EQ(value_of(channel_.borrow(soon())).size(), size);
  peer_->pass(block(2 * size).get());
  peer_->write({lent(0, 3, 2 * size, 2 * size)});
  EXPECT_EQ(value_of(channel_.borrow(soon())).size(), 2 * size);
  peer_->write({dropped(0), part(RecordKind::message, 'x')});
  EXPECT_EQ(value_of(channel_.borrow(soon())).size(), 1u);
  EXPECT_EQ(peer_->returned(0), 3u);
  peer_->write({lent(0, 4, 10)});
  EXPECT_ERRC(Errc::protocol_violation, channel_.borrow(soon()));
}

TEST_F(ArenaRules, two_descriptors_are_two_announcements) {
  peer_->pass(block().get());
  peer_->pass(block(2 * size).get());
  peer_->write({lent(3, 1, 10, size), lent(5, 1, 2 * size, 2 * size)});
  EXPECT_EQ(value_of(channel_.borrow(soon())).size(), 10u);
  EXPECT_EQ(value_of(channel_.borrow(soon())).size(), 2 * size);
}

TEST_F(ArenaRules, a_message_that_is_too_large_for_the_buffer_stays) {
  peer_->pass(block().get());
  peer_->write({lent(0, 1, 1000, size)});
  std::array<std::byte, 1000> buffer;
  EXPECT_ERRC(Errc::buffer_too_small, channel_.receive(std::span(buffer).first(999), soon()));
  EXPECT_EQ(value_of(channel_.receive(buffer, soon())), buffer.size());
  EXPECT_TRUE(is_pattern(buffer, 1));
  EXPECT_EQ(peer_->returned(0), 1u);
}

TEST_F(ArenaRules, a_flood_of_descriptors_is_the_end) {
  const os::Fd one = block();
  for (std::size_t i = 0; i < 2 * shm::most_blocks; ++i) peer_->pass(one.get());
  while (has_unread_bytes(*peer_)) EXPECT_ERRC(Errc::timed_out, channel_.borrow(Deadline::in(1ms)));
  peer_->write({lent(0, 1, 10, size)});
  expect_the_end("more descriptors than it has blocks");
}

TEST_F(ArenaRules, to_return_what_was_never_lent_is_a_violation) {
  for (int i = 0; i < 20; ++i) peer_->claim_to_return(0, 77);
  Result<void> sent;
  for (int i = 0; i < 100 && sent; ++i) {
    auto loan = channel_.loan(200'000, soon());
    sent = loan ? loan->commit(200'000, soon()) : std::unexpected(loan.error());
  }
  EXPECT_TRUE(is_error(Errc::protocol_violation, sent));
  EXPECT_TRUE(peer_->is_disconnected());
}

TEST_F(ArenaRules, who_returns_nothing_makes_the_sender_wait) {
  Result<Loan> loan;
  int lent = 0;
  for (; (loan = channel_.loan(200'000, Deadline::in(5ms))); ++lent) EXPECT_OK(loan->commit(200'000, soon()));
  EXPECT_TRUE(is_error(Errc::timed_out, loan));
  EXPECT_EQ(static_cast<std::uint64_t>(lent), ShmPeer::arena / block_size(200'000));
  for (int i = 0; i < lent; ++i, peer_->pop()) {
    ASSERT_NE(peer_->front(), nullptr);
    EXPECT_EQ(peer_->front()->kind, RecordKind::lent);
  }
  EXPECT_EQ(peer_->front(), nullptr);
  peer_->claim_to_return(1, 1);
  EXPECT_OK(channel_.loan(200'000, soon()));
}

}  // namespace
}  // namespace tenon
