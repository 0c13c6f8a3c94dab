#include <tenon/os/sysv_queue.hpp>

#include <pthread.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <thread>
#include <vector>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;
using Selector = SysvQueue::Selector;

SysvQueue make_queue() {
  return test::value_of(SysvQueue::create(SysvKey::make_private()));
}

/// A key that no other test process uses.
SysvKey own_key() {
  return SysvKey::from_value(0x7e000000 | ::getpid());
}

std::string received(SysvQueue& queue, Selector selector, Deadline deadline = Deadline::now()) {
  std::array<std::byte, 64> buffer;
  const auto got = test::value_of(queue.receive(selector, buffer, deadline));
  return std::string(text_of(ByteView(buffer).first(got.size))) + "/" + std::to_string(got.type);
}

TEST(SysvQueue, messages_come_whole_and_in_order_with_their_type) {
  SysvQueue queue = make_queue();
  ASSERT_OK(queue.send(10, bytes_of("ping")));
  ASSERT_OK(queue.send(11, bytes_of("")));
  EXPECT_EQ(received(queue, Selector::any()), "ping/10");
  EXPECT_EQ(received(queue, Selector::any()), "/11");
}

TEST(SysvQueue, a_receiver_chooses_by_type) {
  SysvQueue queue = make_queue();
  for (const long type : {5, 3, 8, 3, 1}) ASSERT_OK(queue.send(type, bytes_of("m")));
  EXPECT_EQ(received(queue, Selector::exactly(8)), "m/8");
  EXPECT_EQ(received(queue, Selector::except(5)), "m/3");
  EXPECT_EQ(received(queue, Selector::lowest_up_to(4)), "m/1");
  EXPECT_EQ(received(queue, Selector::lowest_up_to(4)), "m/3");
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::timed_out, queue.receive(Selector::lowest_up_to(4), buffer, Deadline::now()));
  EXPECT_EQ(received(queue, Selector::any()), "m/5");
}

TEST(SysvQueue, a_type_below_one_is_refused) {
  SysvQueue queue = make_queue();
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::invalid_argument, queue.send(0, bytes_of("x")));
  EXPECT_ERRC(Errc::invalid_argument, queue.receive(Selector::exactly(0), buffer));
  EXPECT_ERRC(Errc::invalid_argument, queue.receive(Selector::except(-1), buffer));
}

TEST(SysvQueue, another_finds_it_by_key_and_by_id) {
  SysvQueue queue = test::value_of(SysvQueue::create(own_key()));
  const auto taken = SysvQueue::create(own_key());
  EXPECT_ERRC(Errc::already_exists, taken);
  EXPECT_THAT(taken.error().message(), HasSubstr("made by user " + std::to_string(::geteuid())));
  SysvQueue by_key = test::value_of(SysvQueue::open(own_key()));
  SysvQueue by_id = test::value_of(SysvQueue::open_id(queue.id()));
  ASSERT_OK(by_key.send(1, bytes_of("ping")));
  EXPECT_EQ(received(by_id, Selector::any()), "ping/1");
}

TEST(SysvQueue, it_goes_with_its_creator_unless_kept) {
  {
    SysvQueue queue = test::value_of(SysvQueue::create(own_key()));
    const SysvQueue moved = std::move(queue);
    EXPECT_OK(SysvQueue::open(own_key()));
  }
  EXPECT_ERRC(Errc::not_found, SysvQueue::open(own_key()));
  test::value_of(SysvQueue::create(own_key())).keep();
  SysvQueue kept = test::value_of(SysvQueue::open(own_key()));
  EXPECT_OK(kept.remove());
  EXPECT_ERRC(Errc::not_found, SysvQueue::open_id(kept.id()));
}

TEST(SysvQueue, another_users_queue_is_refused_unless_trusted) {
  const bool root = ::geteuid() == 0;  // an ordinary user meets nobody else's queue here
  if (root) {
    ASSERT_EQ(::seteuid(65'534), 0);
  }
  SysvQueue queue = test::value_of(SysvQueue::create(own_key(), 0666));
  if (root) {
    ASSERT_EQ(::seteuid(0), 0);
  }
  const auto opened = SysvQueue::open(own_key());
  EXPECT_EQ(opened.has_value(), !root);
  if (!opened) {
    EXPECT_THAT(opened.error().message(), HasSubstr("user 65534 made it"));
  }
  EXPECT_OK(SysvQueue::open(own_key(), Trust::anyone));
}

TEST(SysvQueue, a_removed_queue_is_closed_for_everyone) {
  SysvQueue queue = make_queue();
  SysvQueue other = test::value_of(SysvQueue::open_id(queue.id()));
  ASSERT_OK(queue.remove());
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::closed, other.receive(Selector::any(), buffer));
  EXPECT_ERRC(Errc::closed, other.send(1, bytes_of("x")));
  EXPECT_ERRC(Errc::closed, other.status());
  EXPECT_ERRC(Errc::closed, other.set_max_bytes(100));
  EXPECT_ERRC(Errc::closed, other.remove());
}

TEST(SysvQueue, its_removal_ends_a_wait) {
  SysvQueue queue = make_queue();
  SysvQueue other = test::value_of(SysvQueue::open_id(queue.id()));
  std::jthread remover([&] { EXPECT_OK(queue.remove()); });
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::closed, other.receive(Selector::any(), buffer));
}

TEST(SysvQueue, a_wait_has_a_deadline_and_can_be_cancelled) {
  SysvQueue queue = make_queue();
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::timed_out, queue.receive(Selector::any(), buffer, Deadline::in(3ms)));
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, queue.receive(Selector::any(), buffer, Deadline::never().unless(canceller)));
}

TEST(SysvQueue, a_message_ends_a_wait_with_and_without_a_deadline) {
  SysvQueue queue = make_queue();
  for (const Deadline deadline : {Deadline::never(), Deadline::in(1h)}) {
    std::jthread other([&] { EXPECT_OK(queue.send(7, bytes_of("x"))); });
    EXPECT_EQ(received(queue, Selector::exactly(7), deadline), "x/7");
  }
}

TEST(SysvQueue, a_full_queue_makes_a_send_wait_for_room) {
  SysvQueue queue = make_queue();
  ASSERT_OK(queue.set_max_bytes(8));
  ASSERT_OK(queue.send(1, bytes_of("12345678")));
  EXPECT_ERRC(Errc::timed_out, queue.send(1, bytes_of("x"), Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, queue.send(1, bytes_of("x"), Deadline::in(2ms)));
  SysvQueue reader = test::value_of(SysvQueue::open_id(queue.id()));
  std::jthread other([&] { EXPECT_EQ(received(reader, Selector::any()), "12345678/1"); });
  EXPECT_OK(queue.send(1, bytes_of("y")));
}

TEST(SysvQueue, a_message_that_can_never_fit_is_an_error_and_no_endless_wait) {
  SysvQueue queue = make_queue();
  ASSERT_OK(queue.set_max_bytes(8));
  const auto in_queue = queue.send(1, bytes_of("123456789"));
  EXPECT_ERRC(Errc::message_too_large, in_queue);
  EXPECT_THAT(in_queue.error().message(), HasSubstr("the whole queue has room for 8"));
  const std::size_t most = test::value_of(SysvQueueLimits::read()).message_size;
  const auto on_machine = queue.send(1, std::vector<std::byte>(most + 1));
  EXPECT_ERRC(Errc::message_too_large, on_machine);
  EXPECT_THAT(on_machine.error().message(), HasSubstr(std::to_string(most) + " (kernel.msgmax)"));
}

TEST(SysvQueue, a_message_beyond_the_buffer_stays) {
  SysvQueue queue = make_queue();
  ASSERT_OK(queue.send(1, bytes_of("12345678")));
  std::array<std::byte, 7> buffer;
  EXPECT_ERRC(Errc::buffer_too_small, queue.receive(Selector::any(), buffer));
  EXPECT_EQ(received(queue, Selector::any()), "12345678/1");
}

TEST(SysvQueue, the_status_counts_messages_and_names_the_last_users) {
  SysvQueue queue = make_queue();
  ASSERT_OK(queue.send(1, bytes_of("12345")));
  const auto status = test::value_of(queue.status());
  EXPECT_EQ(status.messages, 1u);
  EXPECT_EQ(status.bytes, 5u);
  EXPECT_EQ(status.max_bytes, test::value_of(SysvQueueLimits::read()).queue_bytes);
  EXPECT_EQ(status.last_sender_pid, ::getpid());
  EXPECT_EQ(status.last_receiver_pid, 0);
  EXPECT_EQ(status.creator_uid, ::geteuid());
  EXPECT_EQ(status.mode, 0600u);
}

TEST(SysvQueue, a_signal_during_a_wait_is_not_seen) {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  struct sigaction before{};
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  SysvQueue queue = make_queue();
  const pthread_t waiter = ::pthread_self();
  std::jthread other([&] {
    for (int i = 0; i < 100; ++i) ::pthread_kill(waiter, SIGALRM);
    EXPECT_OK(queue.send(1, bytes_of("x")));
  });
  EXPECT_EQ(received(queue, Selector::any(), Deadline::never()), "x/1");
  other.join();
  ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
}

}  // namespace
}  // namespace tenon::os
