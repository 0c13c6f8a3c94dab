#include <tenon/os/process.hpp>

#include <fcntl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <cstdlib>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

struct Ends {
  Fd read, write;
};

Ends make_pipe() {
  int ends[2];
  EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  return {Fd(ends[0]), Fd(ends[1])};
}

SpawnOptions shell(const std::string& script) {
  return {.arguments = {"sh", "-c", script}};
}

/// What a child that runs `script` writes to its descriptor 1; it must succeed.
std::string output_of(SpawnOptions options) {
  Ends ends = make_pipe();
  options.descriptors.push_back({ends.write.get(), 1});
  Process child = test::value_of(Process::spawn(options));
  ends.write.reset();
  std::array<std::byte, 4096> buffer;
  const std::size_t got = test::value_of(read_full(ends.read.get(), buffer));
  EXPECT_TRUE(child.wait().value().success());
  return std::string(text_of(ByteView(buffer).first(got)));
}

TEST(Process, how_it_ended_is_told_as_often_as_asked) {
  Process child = test::value_of(Process::spawn(shell("exit 3")));
  const ExitStatus status = test::value_of(child.wait());
  EXPECT_EQ(status, (ExitStatus{.exited = true, .code = 3}));
  EXPECT_FALSE(status.success());
  EXPECT_EQ(status.describe(), "exited with 3");
  EXPECT_EQ(child.wait().value(), status);
}

TEST(Process, a_signal_that_ended_it_is_named) {
  Process child = test::value_of(Process::spawn({.arguments = {"sleep", "1000"}}));
  EXPECT_TRUE(child.running());
  ASSERT_OK(child.kill(SIGKILL));
  const ExitStatus status = test::value_of(child.wait());
  EXPECT_EQ(status, (ExitStatus{.signalled = true, .signal = SIGKILL}));
  EXPECT_EQ(status.describe(), "killed by SIGKILL (Killed)");
  EXPECT_FALSE(child.running());
  EXPECT_ERRC(Errc::not_found, child.kill(SIGKILL));
}

TEST(Process, a_wait_for_one_that_runs_times_out_and_can_be_repeated) {
  Process child = test::value_of(Process::spawn({.arguments = {"sleep", "1000"}}));
  EXPECT_ERRC(Errc::timed_out, child.wait(Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, child.wait(Deadline::in(2ms)));
  Canceller canceller = test::value_of(Canceller::create());
  canceller.cancel();
  EXPECT_ERRC(Errc::cancelled, child.wait(Deadline::never().unless(canceller)));
  ASSERT_OK(child.kill(SIGTERM));
  EXPECT_TRUE(child.wait().value().signalled);
}

TEST(Process, a_program_that_does_not_exist_is_an_error_of_spawn) {
  const auto in_path = Process::spawn({.arguments = {"tenon-no-such-program"}});
  EXPECT_ERRC(Errc::not_found, in_path);
  EXPECT_THAT(in_path.error().message(), HasSubstr("spawn tenon-no-such-program: not found"));
  EXPECT_THAT(in_path.error().message(), HasSubstr("no such program in PATH: "));
  EXPECT_ERRC(Errc::not_found, Process::spawn({.arguments = {"/nowhere/tenon"}}));
}

TEST(Process, what_is_no_program_is_an_error_of_spawn) {
  const auto closed = Process::spawn({.arguments = {"/etc/passwd"}});
  EXPECT_ERRC(Errc::permission_denied, closed);
  EXPECT_THAT(closed.error().message(), HasSubstr("chmod +x"));
  const std::string path = testing::TempDir() + "tenon-process-" + std::to_string(::getpid());
  Fd file(::open(path.c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0700));
  ASSERT_OK(write_all(file.get(), bytes_of("ping")));
  file.reset();
  EXPECT_ERRC(Errc::invalid_argument, Process::spawn({.arguments = {path}}));
  ASSERT_EQ(::unlink(path.c_str()), 0);
}

TEST(Process, senseless_options_are_refused) {
  EXPECT_ERRC(Errc::invalid_argument, Process::spawn({}));
  EXPECT_ERRC(Errc::invalid_argument, Process::spawn({.arguments = {"true"}, .environment = {"NAME"}}));
  EXPECT_ERRC(Errc::invalid_argument,
              Process::spawn({.arguments = {"true"}, .descriptors = {{1, 5}, {2, 5}}}));
  EXPECT_ERRC(Errc::invalid_argument, Process::spawn({.arguments = {"true"}, .descriptors = {{987654, 5}}}));
  EXPECT_ERRC(Errc::invalid_argument, Process::spawn({.arguments = {"true"}, .descriptors = {{1, -1}}}));
}

TEST(Process, a_descriptor_number_beyond_the_limit_is_a_resource_limit) {
  const auto spawned = Process::spawn({.arguments = {"true"}, .descriptors = {{1, 1 << 30}}});
  EXPECT_ERRC(Errc::resource_limit, spawned);
  EXPECT_THAT(spawned.error().message(), HasSubstr("ulimit -n"));
}

TEST(Process, the_environment_is_inherited_added_to_and_replaced_in) {
  ::setenv("TENON_TEST_KEPT", "kept", 1);
  ::setenv("TENON_TEST_REPLACED", "before", 1);
  SpawnOptions options = shell("echo $TENON_TEST_KEPT $TENON_TEST_REPLACED $TENON_TEST_ADDED");
  options.environment = {"TENON_TEST_REPLACED=after", "TENON_TEST_ADDED=a=b"};
  EXPECT_EQ(output_of(options), "kept after a=b\n");
  ::unsetenv("TENON_TEST_KEPT");
  ::unsetenv("TENON_TEST_REPLACED");
}

TEST(Process, the_child_has_the_given_descriptors_and_no_others) {
  const Ends ends = make_pipe();
  const Fd leaky(::dup(ends.read.get()));  // not close-on-exec
  SpawnOptions options{.arguments = {"ls", "/proc/self/fd"}};
  options.descriptors = {{ends.read.get(), 7}, {ends.write.get(), 12}};
  // 3 is the folder that ls reads.
  EXPECT_EQ(output_of(options), "0\n1\n12\n2\n3\n7\n");
  EXPECT_NE(::fcntl(ends.read.get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Process, descriptors_may_trade_their_numbers) {
  const Ends first = make_pipe();
  const Ends second = make_pipe();
  SpawnOptions options{.arguments = {"sh", "-c",
                                     "echo first >&" + std::to_string(second.write.get()) +
                                         "; echo second >&" + std::to_string(first.write.get())}};
  options.descriptors = {{first.write.get(), second.write.get()}, {second.write.get(), first.write.get()}};
  Process child = test::value_of(Process::spawn(options));
  EXPECT_TRUE(child.wait().value().success());
  std::array<std::byte, 16> buffer;
  EXPECT_EQ(text_of(ByteView(buffer).first(read_some(first.read.get(), buffer).value())), "first\n");
  EXPECT_EQ(text_of(ByteView(buffer).first(read_some(second.read.get(), buffer).value())), "second\n");
}

TEST(Process, the_child_starts_with_no_signal_blocked_and_sigpipe_at_its_default) {
  sigset_t some;
  sigset_t before;
  sigemptyset(&some);
  sigaddset(&some, SIGUSR1);
  sigaddset(&some, SIGTERM);
  ASSERT_EQ(::pthread_sigmask(SIG_BLOCK, &some, &before), 0);
  const auto handler_before = ::signal(SIGPIPE, SIG_IGN);
  const std::string status = output_of({.arguments = {"grep", "-E", "^Sig(Blk|Ign):", "/proc/self/status"}});
  ::signal(SIGPIPE, handler_before);
  ASSERT_EQ(::pthread_sigmask(SIG_SETMASK, &before, nullptr), 0);
  EXPECT_THAT(status, HasSubstr("SigBlk:\t0000000000000000\n"));
  const std::size_t ignored = status.find("SigIgn:\t") + 8;
  EXPECT_EQ(std::stoull(status.substr(ignored, 16), nullptr, 16) & (1ull << (SIGPIPE - 1)), 0u);
}

TEST(Process, one_that_is_no_child_can_be_watched) {
  Process child = test::value_of(Process::spawn({.arguments = {"sleep", "1000"}}));
  Process watched = test::value_of(Process::open(child.pid()));
  EXPECT_TRUE(watched.running());
  EXPECT_ERRC(Errc::timed_out, watched.wait(Deadline::now()));
  ASSERT_OK(watched.kill(SIGKILL));
  EXPECT_EQ(watched.wait().value().signal, SIGKILL);  // a child after all, and still there for its owner
  EXPECT_EQ(child.wait().value().signal, SIGKILL);
  EXPECT_ERRC(Errc::not_found, watched.kill(0));
}

TEST(Process, a_process_that_is_not_ours_ends_without_a_reason) {
  const std::string pid = output_of(shell("sleep 1000 >/dev/null & echo $!"));
  Process orphan = test::value_of(Process::open(std::stoi(pid)));
  ASSERT_OK(orphan.kill(SIGKILL));
  EXPECT_EQ(orphan.wait().value(), ExitStatus{});
  EXPECT_EQ(ExitStatus{}.describe(), "ended, how is unknown");
}

TEST(Process, a_pid_that_nobody_has_is_not_found) {
  Process child = test::value_of(Process::spawn({.arguments = {"true"}}));
  ASSERT_OK(child.wait());
  EXPECT_ERRC(Errc::not_found, Process::open(child.pid()));
  EXPECT_ERRC(Errc::invalid_argument, Process::open(-1));
}

TEST(Process, with_sigchld_ignored_only_the_reason_of_an_end_is_lost) {
  const auto before = ::signal(SIGCHLD, SIG_IGN);
  Process child = test::value_of(Process::spawn(shell("exit 3")));
  EXPECT_EQ(child.wait().value(), ExitStatus{});
  EXPECT_ERRC(Errc::not_found, Process::spawn({.arguments = {"tenon-no-such-program"}}));
  ::signal(SIGCHLD, before);
}

TEST(Process, a_child_that_was_let_go_runs_on_and_leaves_no_zombie) {
  Ends ends = make_pipe();
  int pid = 0;
  {
    SpawnOptions options{.arguments = {"cat"}, .descriptors = {{ends.read.get(), 0}}};
    Process child = test::value_of(Process::spawn(options));
    pid = child.pid();
  }
  Process watched = test::value_of(Process::open(pid));
  EXPECT_TRUE(watched.running());
  ends.write.reset();
  EXPECT_TRUE(watched.wait().value().success());
  test::value_of(Process::spawn({.arguments = {"true"}})).wait().value();  // reaps what was let go
  EXPECT_ERRC(Errc::not_found, Process::open(pid));
}

TEST(Process, a_child_dies_with_its_parent_if_told_to) {
  // The middle process is this program's own fork, so that its death is the death of the thread that spawned.
  Ends ends = make_pipe();
  const pid_t middle = ::fork();
  if (middle == 0) {
    auto child = Process::spawn({.arguments = {"sleep", "1000"}, .die_with_parent = true});
    const int pid = child ? child->pid() : -1;
    [[maybe_unused]] const auto written = ::write(ends.write.get(), &pid, sizeof pid);
    ::pause();
  }
  int pid = 0;
  ASSERT_EQ(read_full(ends.read.get(), std::as_writable_bytes(std::span(&pid, 1))).value(), sizeof pid);
  Process grandchild = test::value_of(Process::open(pid));
  ASSERT_EQ(::kill(middle, SIGKILL), 0);
  EXPECT_OK(grandchild.wait());
  ASSERT_EQ(::waitpid(middle, nullptr, 0), middle);
}

}  // namespace
}  // namespace tenon::os
