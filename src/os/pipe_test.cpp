#include <tenon/os/pipe.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <climits>
#include <csignal>

#include <tenon/os/signals.hpp>

#include "os/byte_stream.hpp"
#include "support/expect.hpp"

namespace tenon::os {
namespace {

TEST(Pipe, carries_bytes_one_way_until_the_writer_closes) {
  Pipe pipe = test::value_of(Pipe::create());
  EXPECT_OK(write_all(pipe.write_end.get(), bytes_of("ping")));
  pipe.write_end.reset();
  std::array<std::byte, 8> buffer;
  EXPECT_EQ(read_full(pipe.read_end.get(), buffer).value(), 4u);
  EXPECT_EQ(text_of(ByteView(buffer).first(4)), "ping");
}

TEST(Pipe, is_not_inherited_and_never_blocks_by_itself) {
  const Pipe pipe = test::value_of(Pipe::create());
  for (const int end : {pipe.read_end.get(), pipe.write_end.get()}) {
    EXPECT_EQ(::fcntl(end, F_GETFD) & FD_CLOEXEC, FD_CLOEXEC);
    EXPECT_EQ(::fcntl(end, F_GETFL) & O_NONBLOCK, O_NONBLOCK);
  }
}

TEST(Pipe, can_be_resized_within_the_limit_of_the_machine) {
  Pipe pipe = test::value_of(Pipe::create());
  const std::size_t page = static_cast<std::size_t>(::getpagesize());
  EXPECT_EQ(pipe.resize(1).value(), page);
  EXPECT_EQ(pipe.resize(page + 1).value(), 2 * page);
  EXPECT_EQ(pipe.capacity().value(), 2 * page);
}

TEST(Pipe, a_size_beyond_the_limit_is_refused_and_names_it) {
  Pipe pipe = test::value_of(Pipe::create());
  const std::size_t before = pipe.capacity().value();
  const std::size_t largest = test::value_of(pipe_max_capacity());
  const auto resized = pipe.resize(largest + 1);
  if (resized) {  // a process with CAP_SYS_RESOURCE may
    EXPECT_GT(*resized, largest);
    return;
  }
  EXPECT_ERRC(Errc::resource_limit, resized);
  EXPECT_THAT(resized.error().message(), testing::HasSubstr(std::to_string(largest)));
  EXPECT_EQ(pipe.capacity().value(), before);
}

TEST(Pipe, a_size_that_makes_no_sense_is_refused) {
  Pipe pipe = test::value_of(Pipe::create());
  EXPECT_ERRC(Errc::invalid_argument, pipe.resize(0));
  EXPECT_ERRC(Errc::invalid_argument, pipe.resize(std::size_t{INT_MAX} + 1));
}

TEST(Pipe, cannot_become_smaller_than_what_waits_in_it) {
  Pipe pipe = test::value_of(Pipe::create());
  const std::string much(8 * 4096, 'x');
  EXPECT_OK(write_all(pipe.write_end.get(), bytes_of(much)));
  EXPECT_EQ(pipe.pending().value(), much.size());
  EXPECT_ERRC(Errc::invalid_argument, pipe.resize(4096));
  std::array<std::byte, 8 * 4096> buffer;
  EXPECT_OK(read_full(pipe.read_end.get(), buffer));
  EXPECT_EQ(pipe.pending().value(), 0u);
  EXPECT_EQ(pipe.resize(4096).value(), 4096u);
}

TEST(Pipe, an_atomic_write_goes_whole_or_not_at_all) {
  Pipe pipe = test::value_of(Pipe::create());
  const std::size_t capacity = test::value_of(pipe.resize(2 * Pipe::atomic_write_size));
  const std::string almost_full(capacity - Pipe::atomic_write_size + 1, 'x');
  EXPECT_OK(write_all(pipe.write_end.get(), bytes_of(almost_full)));
  const std::string record(Pipe::atomic_write_size, 'y');
  EXPECT_ERRC(Errc::timed_out, write_some(pipe.write_end.get(), bytes_of(record), Deadline::now()));
  EXPECT_EQ(pipe.pending().value(), almost_full.size());
}

TEST(Pipe, what_is_no_pipe_has_no_capacity) {
  const Fd null(::open("/dev/null", O_RDONLY | O_CLOEXEC));
  EXPECT_FALSE(pipe_capacity(null.get()).has_value());
  EXPECT_FALSE(resize_pipe(null.get(), 4096).has_value());
  EXPECT_FALSE(pipe_pending(null.get()).has_value());
}

/// What a write into a pipe without a reader makes of the process: 0 if each gives EPIPE.
int writes_nobody_reads(Pipe pipe) {
  pipe.read_end.reset();
  PipeStream stream({}, std::move(pipe.write_end));
  std::byte byte{};
  const std::array<Slice, 2> slices{Slice{&byte, 1}, Slice{&byte, 1}};
  if (stream.write(std::span(slices).first(1), {}).error != EPIPE) return 1;
  return stream.write(slices, {}).error == EPIPE ? 0 : 2;
}

TEST(Pipe, a_program_that_ignores_sigpipe_gets_the_same_errors) {
  const pid_t child = ::fork();
  if (child == 0) {  // the promise is for the whole process, and for good
    ::signal(SIGPIPE, SIG_DFL);
    ignore_sigpipe();
    ::_exit(writes_nobody_reads(*Pipe::create()));
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

TEST(Pipe, a_program_that_does_not_is_not_ended) {
  const pid_t child = ::fork();
  if (child == 0) {
    ::signal(SIGPIPE, SIG_DFL);
    ::_exit(writes_nobody_reads(*Pipe::create()));
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
}

}  // namespace
}  // namespace tenon::os
