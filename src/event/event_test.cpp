#include <tenon/event.hpp>

#include <sys/resource.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <thread>

#include <tenon/channel.hpp>
#include <tenon/os/pipe.hpp>
#include <tenon/os/process.hpp>
#include <tenon/process.hpp>

#include "os/signal_target.hpp"
#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/temporary_folder.hpp"

namespace tenon {
namespace {

using namespace std::chrono_literals;
using namespace test;
using testing::HasSubstr;

Deadline soon() {
  return Deadline::in(20s);
}

bool readable(int fd) {
  return os::wait_for(fd, os::Wait::readable, Deadline::now()).has_value();
}

template <typename T>
void expect_advice(Errc code, const Result<T>& result, const std::string& part) {
  ASSERT_TRUE(is_error(code, result));
  EXPECT_THAT(result.error().message(), HasSubstr(part));
}

// ---- Over eventfd

TEST(Event, merges_notifications_and_says_how_many) {
  Event event = value_of(Event::create());
  for (int i = 0; i < 10; ++i) EXPECT_OK(event.notify());
  EXPECT_OK(event.notify(32));
  const Notification taken = value_of(event.wait(soon()));
  EXPECT_EQ(taken.count, 42u);
  EXPECT_FALSE(taken.value || taken.sender_pid);
  EXPECT_ERRC(Errc::timed_out, event.wait(Deadline::now()));
}

TEST(Event, as_a_semaphore_gives_them_one_at_a_time) {
  Event event = value_of(Event::create(Event::Mode::semaphore));
  EXPECT_OK(event.notify(3));
  for (int i = 0; i < 3; ++i) EXPECT_EQ(value_of(event.wait(soon())).count, 1u);
  EXPECT_ERRC(Errc::timed_out, event.wait(Deadline::now()));
}

TEST(Event, loses_no_notification_between_threads) {
  Event event = value_of(Event::create());
  std::vector<std::jthread> notifying;
  for (int thread = 0; thread < 4; ++thread) {
    notifying.emplace_back([&event] {
      for (int i = 0; i < 5000; ++i) EXPECT_OK(event.notify());
    });
  }
  for (std::uint64_t total = 0; total < 20'000;) total += value_of(event.wait(soon())).count;
}

TEST(Event, is_readable_exactly_when_a_wait_would_return) {
  Event event = value_of(Event::create());
  const int fd = value_of(event.poll_fd());
  EXPECT_FALSE(readable(fd));
  EXPECT_OK(event.notify());
  EXPECT_TRUE(readable(fd));
  EXPECT_TRUE(readable(fd));
  EXPECT_OK(event.wait(soon()));
  EXPECT_FALSE(readable(fd));
}

TEST(Event, waits_until_its_deadline_or_canceller) {
  Canceller canceller = value_of(Canceller::create());
  for (const char* address : {"", "signal:?number=RTMIN+1"}) {
    Event event = *address == 0 ? value_of(Event::create()) : value_of(Event::open(address));
    EXPECT_ERRC(Errc::timed_out, event.wait(Deadline::in(5ms)));
    canceller.reset();
    std::jthread other([&] { canceller.cancel(); });
    EXPECT_ERRC(Errc::cancelled, event.wait(soon().unless(canceller)));
  }
}

TEST(Event, of_which_nobody_takes_any_is_full_at_last) {
  Event event = value_of(Event::create());
  EXPECT_OK(event.notify(UINT64_MAX - 1));
  expect_advice(Errc::resource_limit, event.notify(), "nobody waits");
  EXPECT_EQ(value_of(event.wait(soon())).count, UINT64_MAX - 1);
}

TEST(Event, travels_over_a_unix_channel) {
  const TemporaryFolder folder;
  const std::string address = "unix:" + (folder / "s");
  Listener listener = value_of(listen(address));
  ChildProcess child([&] {
    Channel channel = value_of(connect(address, {.deadline = soon()}));
    Message message = value_of(channel.borrow(soon()));
    Event event = value_of(Event::adopt(std::move(message.descriptors().at(0))));
    value_of(event.notify(7));
    return 0;
  });
  Channel channel = value_of(listener.accept(soon()));
  Event event = value_of(Event::create());
  const int fd = value_of(event.poll_fd());
  EXPECT_OK(channel.send(bytes_of("an event"), {&fd, 1}, soon()));
  EXPECT_EQ(value_of(event.wait(soon())).count, 7u);
  EXPECT_EQ(child.wait(), 0);
}

class SpawnedWithEvents : public testing::TestWithParam<const char*> {};
INSTANTIATE_TEST_SUITE_P(, SpawnedWithEvents, testing::Values("pipe:", "unix:"));

TEST_P(SpawnedWithEvents, a_child_finds_them_by_name) {
  Event go = value_of(Event::create());
  Event done = value_of(Event::create());
  Child child =
      value_of(spawn({.arguments = {TENON_TEST_CHILD, "events"},
                      .address = GetParam(),
                      .events = {{"go", value_of(go.poll_fd())}, {"done", value_of(done.poll_fd())}}}));
  EXPECT_OK(go.notify(5));
  EXPECT_EQ(value_of(done.wait(soon())).count, 10u);
  EXPECT_OK(child.channel.close());
  EXPECT_EQ(value_of(child.process.wait(soon())).code, 0);
}

TEST(InheritedEvent, without_one_of_that_name_is_not_found) {
  expect_advice(Errc::not_found, inherited_event("go"), "no events");
  ::setenv("TENON_EVENTS", "stop=1000,x=y,strange", 1);
  expect_advice(Errc::not_found, inherited_event("go"), "stop, x");
  expect_advice(Errc::invalid_argument, inherited_event("stop"), "not open");
  ::unsetenv("TENON_EVENTS");
  expect_advice(Errc::invalid_argument, spawn({.arguments = {"true"}, .events = {{"a=b", 0}}}), "no '='");
}

// ---- Addresses

TEST(EventAddress, of_a_descriptor_takes_it_over) {
  Event made = value_of(Event::create());
  const int number = value_of(os::duplicate(value_of(made.poll_fd()))).release();
  Event opened = value_of(Event::open("eventfd:" + std::to_string(number)));
  EXPECT_OK(opened.notify());
  EXPECT_EQ(value_of(made.wait(soon())).count, 1u);
}

TEST(EventAddress, that_makes_no_sense_is_refused_with_what_would_be_right) {
  const auto says = [](const std::string& address, const std::string& part) {
    expect_advice(Errc::invalid_argument, Event::open(address), part);
  };
  const auto pipe = value_of(os::Pipe::create());
  says("unix:/tmp/x", "signal:PID (to notify)");
  says("eventfd:", "eventfd:3");
  says("eventfd:x", "eventfd:3");
  says("eventfd:1000", "not open");
  says("eventfd:" + std::to_string(pipe.read_end.get()), "something else");
  says("eventfd:3?mode=semaphore", "chosen by whoever made it");
  says("signal:x", "by its pid");
  says("signal:0", "by its pid");
  says("signal:-1", "by its pid");
  says("signal:?number=RTMIN+99", "RTMIN+3");
  says("signal:?number=KILL", "cannot be blocked");
  says("signal:?mode=queue", "counter or semaphore");
  says("signal:?value=7", "number, mode");
}

// ---- Over signals

std::string own(const std::string& options) {
  return "signal:" + std::to_string(::getpid()) + options;
}

TEST(SignalEvent, queues_a_value_with_each_notification) {
  Event waiting = value_of(Event::open("signal:?number=RTMIN+2&mode=semaphore"));
  Event notifying = value_of(Event::open(own("?number=RTMIN+2")));
  for (const int value : {7, -1, 2'000'000'000}) EXPECT_OK(notifying.notify_value(value));
  for (const int value : {7, -1, 2'000'000'000}) {
    EXPECT_TRUE(readable(value_of(waiting.poll_fd())));
    const Notification taken = value_of(waiting.wait(soon()));
    EXPECT_EQ(taken.count, 1u);
    EXPECT_EQ(taken.value, value);
    EXPECT_EQ(taken.sender_pid, ::getpid());
  }
  EXPECT_FALSE(readable(value_of(waiting.poll_fd())));
}

TEST(SignalEvent, merges_what_was_queued_and_has_the_last_value) {
  Event waiting = value_of(Event::open("signal:?number=RTMIN+3"));
  Event notifying = value_of(Event::open(own("?number=RTMIN+3")));
  EXPECT_OK(notifying.notify(99));
  EXPECT_OK(notifying.notify_value(5));
  const Notification taken = value_of(waiting.wait(soon()));
  EXPECT_EQ(taken.count, 100u);
  EXPECT_EQ(taken.value, 5);
  EXPECT_ERRC(Errc::timed_out, waiting.wait(Deadline::now()));
}

TEST(SignalEvent, of_a_standard_signal_is_merged_by_the_kernel_and_keeps_the_first_value) {
  Event waiting = value_of(Event::open("signal:?number=USR1"));
  Event notifying = value_of(Event::open(own("?number=SIGUSR1")));
  for (int value = 1; value <= 10; ++value) EXPECT_OK(notifying.notify_value(value));
  const Notification taken = value_of(waiting.wait(soon()));
  EXPECT_EQ(taken.count, 1u);
  EXPECT_EQ(taken.value, 1);
}

TEST(SignalEvent, comes_from_kill_too) {
  Event waiting = value_of(Event::open("signal:?number=USR2"));
  EXPECT_EQ(::kill(::getpid(), SIGUSR2), 0);
  EXPECT_EQ(value_of(waiting.wait(soon())).value, 0);
}

TEST(SignalEvent, sides_do_only_what_they_are_for) {
  Event waiting = value_of(Event::open("signal:?number=RTMIN+4"));
  Event notifying = value_of(Event::open(own("?number=RTMIN+4")));
  Event counter = value_of(Event::create());
  expect_advice(Errc::unsupported, waiting.notify(), "pid");
  expect_advice(Errc::unsupported, notifying.wait(), "the process itself waits");
  EXPECT_ERRC(Errc::unsupported, notifying.poll_fd());
  expect_advice(Errc::unsupported, counter.notify_value(1), "signal:PID");
}

/// A child that says "ready" by an event and then lives until it is killed.
class Bystander {
 public:
  explicit Bystander(const std::function<void()>& prepare)
      : child_([&] {
          prepare();
          value_of(ready_.notify());
          return ::pause();
        }) {
    value_of(ready_.wait(soon()));
  }
  std::string address() const { return "signal:" + std::to_string(child_.pid()) + "?number=RTMIN+5"; }
  ChildProcess& process() { return child_; }

 private:
  Event ready_ = value_of(Event::create());
  ChildProcess child_;
};

TEST(SignalEvent, to_a_process_that_does_not_wait_is_not_sent) {
  const Bystander unprepared([] {
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  });
  expect_advice(Errc::no_one_there, Event::open(unprepared.address()), "would end it");
  const Bystander ignoring([] {
    ::signal(SIGRTMIN + 5, SIG_IGN);
    sigset_t all;
    sigfillset(&all);
    ::sigprocmask(SIG_UNBLOCK, &all, nullptr);
  });
  expect_advice(Errc::no_one_there, Event::open(ignoring.address()), "ignores SIGRTMIN+5");
  const Bystander handling([] { ::signal(SIGRTMIN + 5, [](int) {}); });
  EXPECT_OK(Event::open(handling.address()));
}

TEST(SignalEvent, never_reaches_another_process_of_the_same_pid) {
  Bystander waiting([] { new Event(value_of(Event::open("signal:?number=RTMIN+5"))); });
  const std::string address = waiting.address();
  Event notifying = value_of(Event::open(address));
  EXPECT_OK(notifying.notify());
  waiting.process().kill(SIGKILL);
  waiting.process().wait();
  expect_advice(Errc::peer_died, notifying.notify(), "has ended");
  expect_advice(Errc::no_one_there, Event::open(address), "no process");
}

TEST(SignalEvent, to_a_full_queue_fails_with_the_limit) {
  Bystander waiting([] {
    new Event(value_of(Event::open("signal:?number=RTMIN+5")));
    const rlimit few{3, 3};
    ::setrlimit(RLIMIT_SIGPENDING, &few);
  });
  Event notifying = value_of(Event::open(waiting.address()));
  const auto result = notifying.notify(100'000);
  expect_advice(Errc::resource_limit, result, "ulimit -i");
  EXPECT_THAT(result.error().message(), HasSubstr("/3)"));
}

TEST(SignalEvent, of_another_user_is_refused) {
  const int root = 1;
  const int target = ::geteuid() == 0 ? ::getpid() : root;
  Event waiting = value_of(Event::open("signal:?number=RTMIN+6"));
  ChildProcess child([&] {
    if (::geteuid() == 0 && (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0))
      return 2;
    expect_advice(Errc::permission_denied,
                  Event::open("signal:" + std::to_string(target) + "?number=RTMIN+6"), "another user");
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(SignalEvent, that_comes_late_does_not_end_the_process) {
  ChildProcess child([] {
    {
      const Event waited = value_of(Event::open("signal:?number=RTMIN+7"));
    }
    ::raise(SIGRTMIN + 7);
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST(SignalName, is_read_and_written) {
  EXPECT_EQ(value_of(os::signal_number("USR1")), SIGUSR1);
  EXPECT_EQ(value_of(os::signal_number("SIGTERM")), SIGTERM);
  EXPECT_EQ(value_of(os::signal_number("10")), 10);
  EXPECT_EQ(value_of(os::signal_number("RTMIN")), SIGRTMIN);
  EXPECT_EQ(value_of(os::signal_number("RTMIN+3")), SIGRTMIN + 3);
  EXPECT_EQ(value_of(os::signal_number("SIGRTMAX-2")), SIGRTMAX - 2);
  for (const char* text : {"", "0", "65", "-1", "USR", "RTMIN-1", "RTMAX+1", "RTMIN+", "RTMIN+31", "10x"})
    EXPECT_ERRC(Errc::invalid_argument, os::signal_number(text)) << text;
  for (int signal = 1; signal <= SIGRTMAX; ++signal) {
    if (signal == 32 || signal == 33) continue;  // the C library's own
    EXPECT_EQ(value_of(os::signal_number(os::signal_name(signal))), signal);
  }
}

}  // namespace
}  // namespace tenon
