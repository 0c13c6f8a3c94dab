#include <tenon/os/file_lock.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <thread>

#include <tenon/os/file.hpp>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;

class Locks : public testing::Test {
 protected:
  Locks() : first(test::value_of(File::create(place()))), name(test::value_of(first.own_name())) {}
  static std::string place() { return "/tmp/tenon-lock-" + std::to_string(::getpid()); }
  File open() const { return test::value_of(File::open(place())); }

  File first;
  OwnedName name;
};

TEST_F(Locks, an_exclusive_lock_excludes_everybody_until_it_is_destroyed) {
  const File second = open();
  {
    const FileLock held = test::value_of(first.lock(LockKind::exclusive));
    EXPECT_ERRC(Errc::timed_out, second.lock(LockKind::exclusive, Deadline::now()));
    EXPECT_ERRC(Errc::timed_out, second.lock(LockKind::shared, Deadline::in(5ms)));
  }
  EXPECT_OK(second.lock(LockKind::exclusive, Deadline::now()));
}

TEST_F(Locks, shared_locks_exclude_only_an_exclusive_one) {
  const File second = open();
  const File third = open();
  const FileLock one = test::value_of(first.lock(LockKind::shared));
  const FileLock two = test::value_of(second.lock(LockKind::shared, Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, third.lock(LockKind::exclusive, Deadline::now()));
}

TEST_F(Locks, a_wait_ends_when_the_lock_is_released) {
  const File second = open();
  FileLock held = test::value_of(first.lock(LockKind::exclusive));
  std::jthread waiter([&] { EXPECT_OK(second.lock(LockKind::exclusive, Deadline::in(10s))); });
  held.release();
}

TEST_F(Locks, a_wait_can_be_cancelled) {
  const File second = open();
  const FileLock held = test::value_of(first.lock(LockKind::exclusive));
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, second.lock(LockKind::exclusive, Deadline::never().unless(canceller)));
}

TEST_F(Locks, the_kernel_names_no_process_for_a_lock_of_an_open_file) {
  const File second = open();
  EXPECT_EQ(FileLock::holder(second.descriptor(), LockKind::exclusive).value(), std::nullopt);
  const FileLock held = test::value_of(first.lock(LockKind::shared));
  const auto holder = test::value_of(FileLock::holder(second.descriptor(), LockKind::exclusive));
  ASSERT_TRUE(holder.has_value());
  EXPECT_EQ(holder->kind, LockKind::shared);
  EXPECT_EQ(holder->process_id, std::nullopt);
  EXPECT_EQ(FileLock::holder(second.descriptor(), LockKind::shared).value(), std::nullopt);
  const auto refused = second.lock(LockKind::exclusive, Deadline::now());
  EXPECT_ERRC(Errc::timed_out, refused);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("names no process"));
}

TEST_F(Locks, the_holder_of_an_old_style_lock_is_named) {
  struct flock old_style{};
  old_style.l_type = F_WRLCK;
  old_style.l_whence = SEEK_SET;
  ASSERT_EQ(::fcntl(first.descriptor(), F_SETLK, &old_style), 0);
  const File second = open();
  const auto refused = second.lock(LockKind::exclusive, Deadline::now());
  EXPECT_ERRC(Errc::timed_out, refused);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("process " + std::to_string(::getpid())));
}

TEST_F(Locks, closing_another_descriptor_of_the_file_loses_nothing) {
  const FileLock held = test::value_of(first.lock(LockKind::exclusive));
  {
    const File closed_at_once = open();
  }
  const File second = open();
  EXPECT_ERRC(Errc::timed_out, second.lock(LockKind::shared, Deadline::now()));
}

TEST_F(Locks, a_killed_holder_holds_nothing) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd read_end(ends[0]);
  Fd write_end(ends[1]);
  const std::string path = place();  // it holds this process's id
  const pid_t child = ::fork();
  if (child == 0) {
    const auto mine = File::open(path);
    const auto held = mine ? mine->lock(LockKind::exclusive) : std::unexpected(mine.error());
    (void)!::write(write_end.get(), held ? "y" : "n", 1);
    ::pause();
    ::_exit(1);
  }
  write_end.reset();
  char answer = 'n';
  EXPECT_EQ(::read(read_end.get(), &answer, 1), 1);
  EXPECT_EQ(answer, 'y');
  EXPECT_ERRC(Errc::timed_out, first.lock(LockKind::exclusive, Deadline::now()));
  ::kill(child, SIGKILL);
  ::waitpid(child, nullptr, 0);
  EXPECT_OK(first.lock(LockKind::exclusive, Deadline::now()));
}

TEST_F(Locks, a_file_open_for_reading_takes_no_exclusive_lock) {
  const File reader = test::value_of(File::open(place(), File::Access::read));
  EXPECT_ERRC(Errc::invalid_argument, reader.lock(LockKind::exclusive, Deadline::now()));
  EXPECT_OK(reader.lock(LockKind::shared, Deadline::now()));
}

TEST_F(Locks, a_lock_moves_and_an_assignment_releases_the_old_one) {
  const std::string other_place = place() + "-other";
  const File other = test::value_of(File::create(other_place));
  const OwnedName other_name = test::value_of(other.own_name());
  FileLock lock = test::value_of(first.lock(LockKind::exclusive));
  lock = test::value_of(other.lock(LockKind::exclusive));
  EXPECT_OK(open().lock(LockKind::exclusive, Deadline::now()));
  EXPECT_ERRC(Errc::timed_out,
              test::value_of(File::open(other_place)).lock(LockKind::shared, Deadline::now()));
}

}  // namespace
}  // namespace tenon::os
