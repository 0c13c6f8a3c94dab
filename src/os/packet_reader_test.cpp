#include <gtest/gtest.h>
#include <sys/socket.h>
#include <array>
#include <cerrno>
#include <string>
#include <string_view>

#include "os/byte_stream.hpp"

namespace tenon::os {
namespace {

class PacketReaderTest : public ::testing::Test {
 protected:
  PacketReaderTest() {
    std::array<int, 2> ends{-1, -1};
    EXPECT_EQ(::socketpair(AF_UNIX, SOCK_SEQPACKET | SOCK_CLOEXEC, 0, ends.data()), 0);
    ours_ = Fd(ends[0]);
    theirs_ = Fd(ends[1]);
    descriptors_.reserve(most_packets * most_descriptors_at_once);
  }

  void arrives(std::string_view packet, int descriptors = 0) {
    std::array<int, 5> some;
    some.fill(theirs_.get());
    const Slice slice{const_cast<std::byte*>(reinterpret_cast<const std::byte*>(packet.data())),
                      packet.size()};
    if (descriptors <= static_cast<int>(most_descriptors_at_once)) {
      const Transfer sent = send_message(theirs_.get(), {&slice, 1},
                                         std::span(some).first(static_cast<std::size_t>(descriptors)));
      ASSERT_EQ(sent.count, packet.size());
      return;
    }
    alignas(cmsghdr) std::array<std::byte, CMSG_SPACE(sizeof some)> control{};
    iovec part{slice.data, slice.size};
    msghdr message{};
    message.msg_iov = &part;
    message.msg_iovlen = 1;
    message.msg_control = control.data();
    message.msg_controllen = control.size();
    cmsghdr* const header = CMSG_FIRSTHDR(&message);
    *header = {CMSG_LEN(sizeof some), SOL_SOCKET, SCM_RIGHTS};
    std::copy_n(reinterpret_cast<const std::byte*>(some.data()), sizeof some,
                reinterpret_cast<std::byte*>(CMSG_DATA(header)));
    ASSERT_EQ(::sendmsg(theirs_.get(), &message, 0), static_cast<ssize_t>(packet.size()));
  }
  /// As if packets were coming faster than they are read.
  void warm_up() {
    for (const std::string_view text : {"one", "two"}) {
      arrives(text);
      ASSERT_EQ(read(), text);
    }
  }
  std::string read() {
    const Slice room{buffer_.data(), buffer_.size()};
    transfer_ = reader_.read(ours_.get(), {&room, 1}, descriptors_);
    return {reinterpret_cast<const char*>(buffer_.data()), transfer_.count};
  }

  Fd ours_;
  Fd theirs_;
  PacketReader reader_;
  std::vector<Fd> descriptors_;
  Transfer transfer_;
  std::vector<std::byte> buffer_ = std::vector<std::byte>(256 * 1024);
};

TEST_F(PacketReaderTest, takes_several_short_packets_with_one_call_and_lays_them_side_by_side) {
  warm_up();
  for (const std::string_view text : {"a", "bcd", "ef", "ghi"}) arrives(text);
  EXPECT_EQ(read(), "abcdef");
  EXPECT_EQ(read(), "ghi");
  EXPECT_FALSE(reader_.holds_more());
  EXPECT_EQ(read(), "");
  EXPECT_TRUE(transfer_.would_block());
}

TEST_F(PacketReaderTest, a_long_packet_among_short_ones_comes_whole) {
  warm_up();
  const std::string longest(65'560, 'x');
  arrives("short");
  arrives(longest);
  EXPECT_EQ(read(), "short" + longest);
  arrives(longest);
  arrives("short");
  EXPECT_EQ(read(), longest);
  EXPECT_EQ(read(), "short");
}

TEST_F(PacketReaderTest, the_end_behind_packets_is_told_after_them) {
  warm_up();
  arrives("last");
  theirs_.reset();
  EXPECT_EQ(read(), "last");
  EXPECT_EQ(read(), "");
  EXPECT_EQ(transfer_.error, 0);
}

TEST_F(PacketReaderTest, a_packet_that_was_cut_is_told_after_those_before_it) {
  warm_up();
  arrives("good", 1);
  arrives("bad", 5);
  arrives("behind");
  EXPECT_EQ(read(), "good");
  EXPECT_TRUE(reader_.holds_more());
  EXPECT_EQ(read(), "");
  EXPECT_TRUE(transfer_.lost_part());
  EXPECT_FALSE(reader_.holds_more());
}

TEST_F(PacketReaderTest, descriptors_of_all_packets_come_in_order_and_none_is_lost) {
  warm_up();
  for (const std::string_view text : {"a", "b", "c"}) arrives(text, 4);
  EXPECT_EQ(read(), "abc");
  EXPECT_EQ(descriptors_.size(), 12U);
}

TEST_F(PacketReaderTest, a_small_room_gets_one_packet) {
  warm_up();
  for (const std::string_view text : {"a", "b"}) arrives(text);
  std::array<std::byte, 32> small;
  const Slice room{small.data(), small.size()};
  EXPECT_EQ(reader_.read(ours_.get(), {&room, 1}, descriptors_).count, 1U);
}

}  // namespace
}  // namespace tenon::os
