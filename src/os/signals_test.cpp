#include <tenon/os/signals.hpp>

#include <sys/resource.h>
#include <unistd.h>
#include <csignal>
#include <thread>

#include <tenon/os/process.hpp>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

bool blocked(int signal) {
  sigset_t now;
  ::pthread_sigmask(SIG_SETMASK, nullptr, &now);
  return sigismember(&now, signal) == 1;
}

TEST(SignalFd, a_signal_is_received_with_its_sender) {
  const SignalFd signals = test::value_of(SignalFd::create({SIGUSR1, SIGUSR2}));
  ASSERT_OK(send_signal(::getpid(), SIGUSR2));
  const ReceivedSignal got = test::value_of(signals.receive());
  EXPECT_EQ(got.number, SIGUSR2);
  EXPECT_EQ(got.sender_pid, ::getpid());
  EXPECT_EQ(got.sender_uid, ::getuid());
  EXPECT_EQ(got.code, SI_USER);
  EXPECT_EQ(got.value, 0);
}

TEST(SignalFd, standard_signals_coalesce) {
  const SignalFd signals = test::value_of(SignalFd::create({SIGUSR1}));
  for (int i = 0; i < 3; ++i) ASSERT_OK(send_signal(::getpid(), SIGUSR1));
  EXPECT_OK(signals.receive());
  EXPECT_ERRC(Errc::timed_out, signals.receive(Deadline::now()));
}

TEST(SignalFd, realtime_signals_queue_with_their_values) {
  const SignalFd signals = test::value_of(SignalFd::create({SIGRTMIN, SIGRTMIN + 1}));
  ASSERT_OK(queue_signal(::getpid(), SIGRTMIN + 1, 9));
  for (int i = 1; i <= 3; ++i) ASSERT_OK(queue_signal(::getpid(), SIGRTMIN, -i));
  for (int i = 1; i <= 3; ++i) {
    const ReceivedSignal got = test::value_of(signals.receive());
    EXPECT_EQ(got.number, SIGRTMIN);
    EXPECT_EQ(got.value, -i);
    EXPECT_EQ(got.code, SI_QUEUE);
  }
  EXPECT_EQ(signals.receive().value().value, 9);  // the higher number waits
}

TEST(SignalFd, the_mask_is_as_before_when_it_is_gone) {
  ASSERT_FALSE(blocked(SIGUSR1));
  {
    SignalFd outer = test::value_of(SignalFd::create({SIGUSR1}));
    {
      const SignalFd inner = test::value_of(SignalFd::create({SIGUSR1, SIGUSR2}));
    }
    EXPECT_TRUE(blocked(SIGUSR1));  // the outer one's
    EXPECT_FALSE(blocked(SIGUSR2));
    const SignalFd moved = std::move(outer);
    EXPECT_TRUE(blocked(SIGUSR1));
  }
  EXPECT_FALSE(blocked(SIGUSR1));
}

TEST(SignalFd, a_wait_has_a_deadline_and_can_be_cancelled) {
  const SignalFd signals = test::value_of(SignalFd::create({SIGUSR1}));
  EXPECT_ERRC(Errc::timed_out, signals.receive(Deadline::in(1ms)));
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, signals.receive(Deadline::never().unless(canceller)));
}

TEST(SignalFd, a_child_is_heard) {
  const SignalFd signals = test::value_of(SignalFd::create({SIGUSR1, SIGCHLD}));
  Process child = test::value_of(Process::spawn({.arguments = {"sh", "-c", "kill -USR1 $PPID"}}));
  const ReceivedSignal first = test::value_of(signals.receive());
  EXPECT_EQ(first.number, SIGUSR1);
  EXPECT_EQ(first.sender_pid, child.pid());
  EXPECT_EQ(signals.receive().value().number, SIGCHLD);
  EXPECT_TRUE(child.wait().value().success());
}

TEST(SignalFd, what_cannot_be_received_is_refused) {
  EXPECT_ERRC(Errc::invalid_argument, SignalFd::create(std::span<const int>()));
  EXPECT_ERRC(Errc::invalid_argument, SignalFd::create({SIGKILL}));
  EXPECT_ERRC(Errc::invalid_argument, SignalFd::create({0}));
  EXPECT_ERRC(Errc::invalid_argument, SignalFd::create({65}));
}

TEST(SendSignal, to_nobody_is_not_found) {
  Process child = test::value_of(Process::spawn({.arguments = {"true"}}));
  ASSERT_OK(child.wait());
  EXPECT_ERRC(Errc::not_found, send_signal(child.pid(), SIGTERM));
  EXPECT_ERRC(Errc::not_found, queue_signal(child.pid(), SIGTERM, 1));
}

TEST(SendSignal, a_group_or_an_unknown_signal_is_refused) {
  EXPECT_ERRC(Errc::invalid_argument, send_signal(0, SIGTERM));
  EXPECT_ERRC(Errc::invalid_argument, send_signal(-1, SIGTERM));
  EXPECT_ERRC(Errc::invalid_argument, queue_signal(0, SIGTERM, 1));
  EXPECT_ERRC(Errc::invalid_argument, send_signal(::getpid(), 99));
}

TEST(SendSignal, too_many_queued_are_an_error_that_names_the_limit) {
  const SignalFd signals = test::value_of(SignalFd::create({SIGRTMIN}));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_SIGPENDING, &before), 0);
  const rlimit none{0, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_SIGPENDING, &none), 0);
  const auto sent = queue_signal(::getpid(), SIGRTMIN, 1);
  ASSERT_EQ(::setrlimit(RLIMIT_SIGPENDING, &before), 0);
  EXPECT_ERRC(Errc::resource_limit, sent);
  EXPECT_THAT(sent.error().message(), HasSubstr("ulimit -i"));
  EXPECT_THAT(sent.error().message(), HasSubstr("/0)"));  // of none
}

}  // namespace
}  // namespace tenon::os
