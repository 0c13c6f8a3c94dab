// sysv-mq: with framing=raw: one queue that other programs use too.
#include <sys/msg.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <fstream>

#include <tenon/os/sysv_queue.hpp>

#include "channel/conformance_test.hpp"
#include "os/sysv_table.hpp"

namespace tenon {
namespace {

using namespace test;
using os::SysvQueue;

class PlainSysvQueue : public testing::Test {
 protected:
  std::string place() const { return folder_ / "key"; }
  std::string address(const std::string& options = {}) const {
    return "sysv-mq:" + place() + "?framing=raw&project=42" + options;
  }
  os::SysvKey key() const { return value_of(os::SysvKey::from_path(place(), 42)); }
  bool queue_exists(os::SysvKey key) const { return ::msgget(key.value(), 0) >= 0; }
  static std::string receive_from(SysvQueue& queue, long type) {
    std::array<std::byte, 64> buffer;
    const auto got = value_of(queue.receive(SysvQueue::Selector::exactly(type), buffer, soon()));
    return std::string(text_of(ByteView(buffer).first(got.size)));
  }

  TemporaryFolder folder_;
};

TEST_F(PlainSysvQueue, speaks_with_another_program_that_made_it) {
  std::ofstream(place()) << "key";
  auto theirs = value_of(SysvQueue::create(key()));
  Channel channel = value_of(connect(address("&type=10&receive-type=11")));
  EXPECT_OK(channel.send("ping"));
  EXPECT_EQ(receive_from(theirs, 10), "ping");
  EXPECT_OK(theirs.send(10, bytes_of("for others")));
  EXPECT_OK(theirs.send(11, bytes_of("pong")));
  EXPECT_OK(theirs.send(11, {}));
  EXPECT_EQ(value_of(channel.borrow(soon())).text(), "pong");
  EXPECT_EQ(value_of(channel.borrow(soon())).size(), 0u);
  EXPECT_ERRC(Errc::timed_out, channel.borrow(Deadline::in(3ms)));
  EXPECT_OK(channel.close());
  EXPECT_EQ(value_of(theirs.status()).messages, 1u);
}

TEST_F(PlainSysvQueue, makes_it_for_another_program_and_removes_it) {
  os::SysvKey made = os::SysvKey::make_private();
  {
    Listener listener = value_of(listen(address("&type=11&receive-type=10")));
    made = key();
    Channel channel = value_of(listener.accept(soon()));
    EXPECT_ERRC(Errc::timed_out, listener.accept(Deadline::now()));  // one queue, one channel
    auto theirs = value_of(SysvQueue::open(made));
    EXPECT_OK(theirs.send(10, bytes_of("ping")));
    EXPECT_EQ(value_of(channel.borrow(soon())).text(), "ping");
    EXPECT_OK(channel.send("pong"));
    EXPECT_EQ(receive_from(theirs, 11), "pong");
    EXPECT_OK(channel.close());
    EXPECT_OK(listener.accept(soon()));
  }
  EXPECT_FALSE(queue_exists(made));
  EXPECT_TRUE(folder_.empty());
}

TEST_F(PlainSysvQueue, keeps_messages_whole_and_a_full_queue_waits) {
  Listener listener = value_of(listen(address()));
  Channel sender = value_of(connect(address()));
  Channel receiver = value_of(listener.accept(soon()));
  EXPECT_EQ(sender.traits().max_message_size, value_of(os::SysvQueueLimits::read()).message_size);
  const std::vector<std::byte> large(sender.traits().max_message_size + 1);
  const auto refused = sender.send(large);
  EXPECT_TRUE(is_error(Errc::message_too_large, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("kernel.msgmax"));
  std::uint64_t sent = 0;
  while (sender.send(pattern(sent % 5000, sent), Deadline::now())) ++sent;
  EXPECT_GT(sent, 5u);
  std::jthread last([&, &channel = sender] { EXPECT_OK(channel.send("last", soon())); });
  for (std::uint64_t i = 0; i < sent; ++i) {
    const Message message = value_of(receiver.borrow(soon()));
    ASSERT_EQ(message.size(), i % 5000);
    ASSERT_TRUE(is_pattern(message.bytes(), i));
  }
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "last");
}

TEST_F(PlainSysvQueue, receives_the_types_that_it_was_told) {
  Listener listener = value_of(listen(address("&receive-type=any")));
  Channel all = value_of(listener.accept(soon()));
  auto theirs = value_of(SysvQueue::open(key()));
  for (const long type : {5L, 3L, 9L}) EXPECT_OK(theirs.send(type, bytes_of(std::to_string(type))));
  Channel three = value_of(connect(address("&receive-type=3")));
  EXPECT_EQ(value_of(three.borrow(soon())).text(), "3");
  EXPECT_EQ(value_of(all.borrow(soon())).text(), "5");
  EXPECT_EQ(value_of(all.borrow(soon())).text(), "9");
}

TEST_F(PlainSysvQueue, is_closed_when_somebody_removes_it) {
  Listener listener = value_of(listen(address()));
  Channel sender = value_of(connect(address()));
  Channel receiver = value_of(listener.accept(soon()));
  EXPECT_OK(value_of(SysvQueue::open(key())).remove());
  EXPECT_ERRC(Errc::closed, sender.send("x"));
  EXPECT_ERRC(Errc::closed, receiver.borrow(soon()));
}

TEST_F(PlainSysvQueue, says_what_it_cannot_do) {
  Listener listener = value_of(listen(address()));
  Channel channel = value_of(connect(address()));
  EXPECT_FALSE(channel.traits().has(Trait::pollable));
  EXPECT_FALSE(channel.traits().has(Trait::reports_peer_death));
  EXPECT_TRUE(channel.traits().has(Trait::message_boundaries));
  EXPECT_TRUE(channel.traits().one_way);
  EXPECT_FALSE(value_of(connect(address("&type=1&receive-type=2"))).traits().one_way);
  EXPECT_ERRC(Errc::unsupported, channel.poll_fd());
  EXPECT_ERRC(Errc::unsupported, connect(address("&require=pollable")));
}

TEST_F(PlainSysvQueue, goes_one_way_unless_it_was_told_what_to_receive) {
  Listener listener = value_of(listen(address()));
  Channel sender = value_of(connect(address()));
  Channel receiver = value_of(listener.accept(soon()));
  EXPECT_OK(sender.send("x"));
  const auto refused = sender.borrow(soon());
  EXPECT_TRUE(is_error(Errc::unsupported, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("second channel"));
  EXPECT_EQ(value_of(receiver.borrow(soon())).text(), "x");
  EXPECT_ERRC(Errc::unsupported, receiver.send("back"));
}

TEST_F(PlainSysvQueue, nobody_there_is_told_at_once) {
  EXPECT_ERRC(Errc::no_one_there, connect(address()));  // no file
  std::ofstream(place()) << "key";
  const auto refused = connect(address());
  EXPECT_TRUE(is_error(Errc::no_one_there, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("no queue has this key"));
}

TEST_F(PlainSysvQueue, a_living_listener_keeps_its_key) {
  Listener listener = value_of(listen(address()));
  const auto refused = listen(address());
  EXPECT_TRUE(is_error(Errc::address_in_use, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr(std::to_string(::getpid())));
  EXPECT_OK(connect(address()));
}

TEST_F(PlainSysvQueue, after_kill_9_the_next_listener_takes_everything_over) {
  ChildProcess killed([&] {
    Listener listener = value_of(listen(address()));
    value_of(listener.accept(soon())).send("unread");
    return ::raise(SIGKILL);
  });
  EXPECT_EQ(killed.wait(), -SIGKILL);
  const os::SysvKey left = key();
  EXPECT_TRUE(queue_exists(left));
  {
    Listener listener = value_of(listen(address()));
    EXPECT_EQ(value_of(value_of(listener.accept(soon())).borrow(soon())).text(), "unread");
  }
  EXPECT_FALSE(queue_exists(left));
  EXPECT_TRUE(folder_.empty());
}

TEST_F(PlainSysvQueue, what_another_program_made_stays) {
  std::ofstream(place()) << "key";
  const auto theirs = value_of(SysvQueue::create(key()));
  EXPECT_OK(listen(address()));
  EXPECT_TRUE(queue_exists(key()));
  EXPECT_TRUE(std::filesystem::exists(place()));
}

TEST_F(PlainSysvQueue, a_folder_may_be_the_place_and_a_symbolic_link_may_not) {
  std::filesystem::create_directory(place());
  EXPECT_OK(listen(address()));
  std::filesystem::remove(place());
  std::filesystem::create_symlink(folder_ / "elsewhere", place());
  EXPECT_ERRC(Errc::permission_denied, listen(address()));
  EXPECT_FALSE(std::filesystem::exists(folder_ / "elsewhere"));
}

TEST_F(PlainSysvQueue, of_another_user_is_refused_by_name) {
  std::ofstream(place()) << "key";
  if (::geteuid() != 0) {  // only root can make another user's queue; whose it is then is the same question
    const auto ours = value_of(SysvQueue::create(key()));
    EXPECT_OK(connect(address()));
    return;
  }
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  const os::SysvKey contested = key();
  ChildProcess nobody([&] {
    if (::setresuid(65534, 65534, 65534) != 0) return 1;
    auto queue = value_of(SysvQueue::create(contested, 0666));
    queue.keep();
    return 0;
  });
  ASSERT_EQ(nobody.wait(), 0);
  for (const Error& error : {listen(address()).error(), connect(address()).error()}) {
    EXPECT_EQ(error.code(), Errc::permission_denied);
    EXPECT_THAT(error.message(), testing::HasSubstr("the queue with key " + contested.to_string() +
                                                    " belongs to user nobody (uid 65534)"));
  }
  EXPECT_OK(listen(address("&owner=nobody")));
  EXPECT_OK(connect(address("&owner=any")));
  EXPECT_EQ(::msgctl(::msgget(contested.value(), 0), IPC_RMID, nullptr), 0);
}

TEST_F(PlainSysvQueue, that_keeps_us_out_is_told_with_whose_it_is) {
  if (::geteuid() != 0) return;  // only root can become somebody whom root's queue keeps out
  std::ofstream(place()) << "key";
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  const auto roots = value_of(SysvQueue::create(key()));
  ChildProcess nobody([&] {
    if (::setresuid(65534, 65534, 65534) != 0) return 1;
    for (const Error& error : {listen(address()).error(), connect(address()).error()}) {
      EXPECT_EQ(error.code(), Errc::permission_denied);
      EXPECT_THAT(error.message(), testing::HasSubstr("the queue with key " + key().to_string() +
                                                      " belongs to user root (uid 0)"));
    }
    return 0;
  });
  EXPECT_EQ(nobody.wait(), 0);
}

}  // namespace
}  // namespace tenon
