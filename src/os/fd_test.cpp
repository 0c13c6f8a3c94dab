#include <tenon/os/fd.hpp>

#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <thread>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;

struct Ends {
  Fd read, write;
};

Ends make_pipe() {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC | O_NONBLOCK), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

TEST(Fd, closes_what_it_owns_once) {
  int raw = -1;
  {
    Ends ends = make_pipe();
    raw = ends.read.get();
    const Fd taken = std::move(ends.read);
    EXPECT_EQ(taken.get(), raw);
  }
  EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
}

TEST(Fd, a_read_without_data_times_out_and_loses_nothing) {
  const Ends ends = make_pipe();
  std::array<std::byte, 8> buffer;
  EXPECT_ERRC(Errc::timed_out, read_some(ends.read.get(), buffer, Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, read_some(ends.read.get(), buffer, Deadline::in(5ms)));
  EXPECT_OK(write_all(ends.write.get(), bytes_of("ping")));
  EXPECT_EQ(read_some(ends.read.get(), buffer, Deadline::now()).value(), 4u);
}

TEST(Fd, a_write_that_nobody_will_read_is_an_error_and_no_signal) {
  Ends ends = make_pipe();
  ends.read.reset();
  EXPECT_ERRC(Errc::closed, write_all(ends.write.get(), bytes_of("ping")));  // SIGPIPE would end this process
}

TEST(Fd, a_full_pipe_makes_a_write_wait_until_its_deadline) {
  const Ends ends = make_pipe();
  const std::string much(1 << 20, 'x');
  EXPECT_ERRC(Errc::timed_out, write_all(ends.write.get(), bytes_of(much), Deadline::in(5ms)));
}

TEST(Fd, another_thread_can_cancel_a_wait) {
  const Ends ends = make_pipe();
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled,
              wait_for(ends.read.get(), Wait::readable, Deadline::never().unless(canceller)));
  other.join();
  canceller.reset();
  EXPECT_ERRC(Errc::timed_out,
              wait_for(ends.read.get(), Wait::readable, Deadline::in(1ms).unless(canceller)));
}

TEST(Fd, read_full_stops_at_the_end_of_the_stream) {
  Ends ends = make_pipe();
  EXPECT_OK(write_all(ends.write.get(), bytes_of("pingen")));
  ends.write.reset();
  std::array<std::byte, 8> buffer;
  EXPECT_EQ(read_full(ends.read.get(), buffer).value(), 6u);
}

TEST(Fd, a_signal_during_a_wait_is_not_seen) {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  struct sigaction before{};
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  const Ends ends = make_pipe();
  const pthread_t waiter = ::pthread_self();
  std::jthread other([&] {
    for (int i = 0; i < 100; ++i) ::pthread_kill(waiter, SIGALRM);
    EXPECT_OK(write_all(ends.write.get(), bytes_of("x")));
  });
  std::array<std::byte, 1> buffer;
  EXPECT_EQ(read_some(ends.read.get(), buffer).value(), 1u);
  other.join();
  ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
}

}  // namespace
}  // namespace tenon::os
