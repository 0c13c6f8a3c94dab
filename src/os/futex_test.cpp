#include <tenon/os/futex.hpp>

#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <ctime>
#include <thread>

#include <tenon/os/memfd.hpp>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;
using Word = std::atomic<std::uint32_t>;

Mapping shared_page() {
  return test::value_of(test::value_of(Memfd::create("futex_test", 4096)).map(Access::read_write));
}

/// Waits as documented until the word is no longer `old`.
void wait_while(const Word& word, std::uint32_t old) {
  while (word.load(std::memory_order_acquire) == old) {
    if (!futex_wait(word, old)) std::abort();
  }
}

void put(Word& word, std::uint32_t value) {
  word.store(value, std::memory_order_release);
  futex_wake(word, everyone);
}

TEST(Futex, does_not_wait_for_a_word_that_has_changed_already) {
  const Word word{7};
  EXPECT_EQ(test::value_of(futex_wait(word, 6)), FutexWait::value_changed);
  EXPECT_EQ(test::value_of(futex_wait(word, 6, Deadline::now())), FutexWait::value_changed);
}

TEST(Futex, times_out) {
  const Word word{7};
  EXPECT_ERRC(Errc::timed_out, futex_wait(word, 7, Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, futex_wait(word, 7, Deadline::in(5ms)));
  EXPECT_ERRC(Errc::timed_out, futex_wait(word, 7, Deadline::at(Deadline::Clock::time_point{} - 1s)));
}

TEST(Futex, takes_turns_between_two_processes_without_spinning) {
  constexpr std::uint32_t turns = 1000;
  const Mapping page = shared_page();
  Word& word = page.at<Word>(64);
  const pid_t child = ::fork();
  if (child == 0) {
    for (std::uint32_t turn = 0; turn < turns; turn += 2) {
      wait_while(word, turn);
      put(word, turn + 2);
    }
    ::_exit(0);
  }
  for (std::uint32_t turn = 0; turn < turns; turn += 2) {
    put(word, turn + 1);
    wait_while(word, turn + 1);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(word.load(), turns);
}

TEST(Futex, wakes_through_a_read_only_mapping_at_another_address) {
  const Memfd memory = test::value_of(Memfd::create("futex_test", 4096));
  const Mapping writer = test::value_of(memory.map(Access::read_write));
  const Mapping reader = test::value_of(memory.map(Access::read));
  std::jthread waiter([&] { wait_while(reader.at<const Word>(0), 0); });
  put(writer.at<Word>(0), 1);
}

TEST(Futex, wakes_as_many_as_asked_for_and_says_how_many) {
  const Word word{0};
  EXPECT_EQ(futex_wake(word, everyone), 0u);
  std::atomic<int> awake{0};
  std::jthread first([&] { awake += futex_wait(word, 0) ? 1 : 0; });
  std::jthread second([&] { awake += futex_wait(word, 0) ? 1 : 0; });
  EXPECT_EQ(futex_wake(word, 0), 0u);
  std::size_t woken = 0;
  while (woken < 2) {  // those who do not sleep yet are not counted
    const std::size_t now = futex_wake(word);
    EXPECT_LE(now, 1u);
    woken += now;
  }
  first.join();
  second.join();
  EXPECT_EQ(awake, 2);
}

TEST(Futex, is_cancelled_before_and_during_a_wait) {
  const Word word{0};
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, futex_wait(word, 0, Deadline::never().unless(canceller)));
  EXPECT_ERRC(Errc::cancelled, futex_wait(word, 0, Deadline::now().unless(canceller)));
  other.join();
  canceller.reset();
  EXPECT_ERRC(Errc::timed_out, futex_wait(word, 0, Deadline::in(25ms).unless(canceller)));
}

TEST(Futex, does_not_show_signals) {
  struct sigaction action{};
  action.sa_handler = [](int) {};
  struct sigaction before{};
  ASSERT_EQ(::sigaction(SIGALRM, &action, &before), 0);
  Word word{0};
  const pthread_t waiter = ::pthread_self();
  std::jthread other([&] {
    for (int i = 0; i < 100; ++i) ::pthread_kill(waiter, SIGALRM);
    put(word, 1);
  });
  wait_while(word, 0);
  other.join();
  ASSERT_EQ(::sigaction(SIGALRM, &before, nullptr), 0);
}

}  // namespace
}  // namespace tenon::os
