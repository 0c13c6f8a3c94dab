#include <tenon/os/eventfd.hpp>

#include <fcntl.h>
#include <poll.h>
#include <unistd.h>
#include <thread>

#include <tenon/os/process.hpp>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;

bool readable(int fd) {
  pollfd wait{fd, POLLIN, 0};
  return ::poll(&wait, 1, 0) == 1;
}

TEST(EventFd, a_counter_gives_all_that_has_gathered_at_once) {
  const EventFd event = test::value_of(EventFd::create(2));
  ASSERT_OK(event.notify());
  ASSERT_OK(event.notify(4));
  EXPECT_TRUE(readable(event.fd()));
  EXPECT_EQ(event.wait().value(), 7u);
  EXPECT_FALSE(readable(event.fd()));
  EXPECT_ERRC(Errc::timed_out, event.wait(Deadline::now()));
}

TEST(EventFd, a_semaphore_gives_one_at_a_time) {
  const EventFd event = test::value_of(EventFd::create(0, EventFd::Mode::semaphore));
  ASSERT_OK(event.notify(2));
  EXPECT_EQ(event.wait().value(), 1u);
  EXPECT_EQ(event.wait().value(), 1u);
  EXPECT_ERRC(Errc::timed_out, event.wait(Deadline::in(1ms)));
}

TEST(EventFd, the_start_may_have_64_bits) {
  const EventFd event = test::value_of(EventFd::create(1ull << 40));
  EXPECT_EQ(event.wait().value(), 1ull << 40);
  EXPECT_ERRC(Errc::invalid_argument, EventFd::create(UINT64_MAX));
}

TEST(EventFd, a_full_counter_refuses_at_once_and_keeps_its_value) {
  const EventFd event = test::value_of(EventFd::create(EventFd::maximum));
  EXPECT_ERRC(Errc::resource_limit, event.notify());
  ASSERT_OK(event.notify(0));
  EXPECT_EQ(event.wait().value(), EventFd::maximum);
  EXPECT_ERRC(Errc::invalid_argument, event.notify(UINT64_MAX));
}

TEST(EventFd, a_notification_wakes_who_waits) {
  const EventFd event = test::value_of(EventFd::create());
  std::jthread other([&] { EXPECT_OK(event.notify(3)); });
  EXPECT_EQ(event.wait().value(), 3u);
}

TEST(EventFd, a_wait_can_be_cancelled) {
  const EventFd event = test::value_of(EventFd::create());
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, event.wait(Deadline::never().unless(canceller)));
}

TEST(EventFd, a_child_can_notify_an_inherited_one) {
  const EventFd event = test::value_of(EventFd::create());
  // Eight bytes of the machine's own order, written by a program that knows nothing of tenon: 'A' is 65.
  SpawnOptions options{.arguments = {"sh", "-c", "printf 'A\\0\\0\\0\\0\\0\\0\\0' >&5"}};
  options.descriptors = {{event.fd(), 5}};
  Process child = test::value_of(Process::spawn(options));
  EXPECT_EQ(event.wait().value(), 65u);
  EXPECT_TRUE(child.wait().value().success());
}

TEST(EventFd, an_inherited_one_is_adopted_and_anything_else_refused) {
  const EventFd event = test::value_of(EventFd::create());
  const EventFd same = test::value_of(EventFd::adopt(Fd(::dup(event.fd()))));
  EXPECT_NE(::fcntl(same.fd(), F_GETFD) & FD_CLOEXEC, 0);
  ASSERT_OK(same.notify(2));
  EXPECT_EQ(event.wait().value(), 2u);
  EXPECT_ERRC(Errc::invalid_argument, EventFd::adopt(Fd(::open("/dev/null", O_RDWR | O_CLOEXEC))));
  EXPECT_ERRC(Errc::invalid_argument, EventFd::adopt(Fd()));
}

}  // namespace
}  // namespace tenon::os
