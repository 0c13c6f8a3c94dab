#include <tenon/os/fifo.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <unistd.h>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <thread>

#include <tenon/os/pipe.hpp>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;

/// A folder of its own for each test, gone afterwards.
class NamedPipe : public testing::Test {
 protected:
  NamedPipe() {
    std::string name = "/tmp/tenon-fifo-" + std::to_string(::getpid()) + "-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~NamedPipe() override { std::filesystem::remove_all(folder); }
  std::string place(const std::string& name = "ping") const { return folder + "/" + name; }
  static unsigned mode_of(const std::string& path) {
    struct stat found{};
    EXPECT_EQ(::lstat(path.c_str(), &found), 0);
    return found.st_mode & 07777U;
  }

  std::string folder;
};

TEST_F(NamedPipe, is_for_its_owner_only_and_a_mode_is_exact_whatever_the_umask) {
  const mode_t before = ::umask(0);
  const Fifo narrow = test::value_of(Fifo::create(place("narrow")));
  ::umask(0777);
  const Fifo wide = test::value_of(Fifo::create(place("wide"), 0622));
  ::umask(before);
  EXPECT_EQ(mode_of(narrow.path()), 0600u);
  EXPECT_EQ(mode_of(wide.path()), 0622u);
}

TEST_F(NamedPipe, removes_its_name_and_only_that) {
  {
    const Fifo fifo = test::value_of(Fifo::create(place()));
    EXPECT_TRUE(std::filesystem::is_fifo(place()));
  }
  EXPECT_FALSE(std::filesystem::exists(place()));
  {
    const Fifo fifo = test::value_of(Fifo::create(place()));
    ASSERT_EQ(::unlink(place().c_str()), 0);
    ASSERT_EQ(::mkfifo(place().c_str(), 0600), 0);  // somebody else's, under the same name
  }
  EXPECT_TRUE(std::filesystem::is_fifo(place()));
}

TEST_F(NamedPipe, says_whether_the_name_was_removed) {
  Fifo fifo = test::value_of(Fifo::create(place()));
  Fifo moved = std::move(fifo);
  EXPECT_TRUE(moved.remove().value());
  EXPECT_FALSE(moved.remove().value());
  EXPECT_FALSE(fifo.remove().value());
}

TEST_F(NamedPipe, assignment_removes_the_name_that_it_replaces) {
  Fifo fifo = test::value_of(Fifo::create(place("first")));
  fifo = test::value_of(Fifo::create(place("second")));
  EXPECT_FALSE(std::filesystem::exists(place("first")));
  EXPECT_TRUE(std::filesystem::exists(place("second")));
}

TEST_F(NamedPipe, can_be_left_behind) {
  test::value_of(Fifo::create(place())).keep();
  EXPECT_TRUE(std::filesystem::is_fifo(place()));
}

TEST_F(NamedPipe, a_name_in_use_is_an_error_that_says_what_stands_there) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  const auto again = Fifo::create(place());
  EXPECT_ERRC(Errc::already_exists, again);
  EXPECT_THAT(again.error().message(), testing::HasSubstr("rm"));
  const auto over_folder = Fifo::create(folder);
  EXPECT_ERRC(Errc::already_exists, over_folder);
  EXPECT_THAT(over_folder.error().message(), testing::HasSubstr("no named pipe"));
}

TEST_F(NamedPipe, without_a_descriptor_left_there_is_no_name_left_either) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_NOFILE, &before), 0);
  rlimit none = before;
  none.rlim_cur = 0;
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &none), 0);
  const auto fifo = Fifo::create(place());
  ASSERT_EQ(::setrlimit(RLIMIT_NOFILE, &before), 0);
  EXPECT_ERRC(Errc::resource_limit, fifo);
  EXPECT_FALSE(std::filesystem::exists(place()));
}

TEST_F(NamedPipe, carries_bytes_from_writer_to_reader_until_the_writer_leaves) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  std::jthread writer([&] {
    const auto end = Fifo::open_writer(place(), Deadline::in(10s));
    ASSERT_OK(end);
    EXPECT_OK(write_all(end->get(), bytes_of("pingend")));
  });
  const Fd reader = test::value_of(Fifo::open_reader(place(), Deadline::in(10s)));
  std::array<std::byte, 16> buffer;
  const std::size_t got = read_full(reader.get(), buffer).value();
  EXPECT_EQ(text_of(ByteView(buffer).first(got)), "pingend");
}

TEST_F(NamedPipe, opening_without_a_reader_times_out) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  const auto end = Fifo::open_writer(place(), Deadline::in(5ms));
  EXPECT_ERRC(Errc::timed_out, end);
  EXPECT_THAT(end.error().message(), testing::HasSubstr(place()));
  EXPECT_ERRC(Errc::timed_out, Fifo::open_writer(place(), Deadline::now()));
}

TEST_F(NamedPipe, opening_without_a_writer_times_out) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  EXPECT_ERRC(Errc::timed_out, Fifo::open_reader(place(), Deadline::in(5ms)));
  EXPECT_ERRC(Errc::timed_out, Fifo::open_reader(place(), Deadline::now()));
}

TEST_F(NamedPipe, opening_can_be_cancelled) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, Fifo::open_writer(place(), Deadline::never().unless(canceller)));
  EXPECT_ERRC(Errc::cancelled, Fifo::open_reader(place(), Deadline::never().unless(canceller)));
}

TEST_F(NamedPipe, a_writer_that_stays_silent_is_seen_by_the_reader) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  const Fd both = test::value_of(Fifo::open_both(place()));
  const Fd reader = test::value_of(Fifo::open_reader(place(), Deadline::now()));
  std::array<std::byte, 4> buffer;
  EXPECT_ERRC(Errc::timed_out, read_some(reader.get(), buffer, Deadline::now()));
}

TEST_F(NamedPipe, a_reader_that_comes_first_sees_a_writer_that_came_and_left) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  const Fd early = test::value_of(Fifo::open_reader_at_once(place()));
  test::value_of(Fifo::open_writer(place(), Deadline::now()));
  EXPECT_OK(wait_for(early.get(), Wait::readable, Deadline::now()));
  std::array<std::byte, 4> buffer;
  EXPECT_EQ(read_some(early.get(), buffer, Deadline::now()).value(), 0u);
}

TEST_F(NamedPipe, both_ends_in_one_descriptor_never_see_the_end) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  const Fd both = test::value_of(Fifo::open_both(place()));
  EXPECT_OK(write_all(both.get(), bytes_of("ping")));
  EXPECT_EQ(pipe_pending(both.get()).value(), 4u);
  std::array<std::byte, 8> buffer;
  EXPECT_EQ(read_some(both.get(), buffer).value(), 4u);
  EXPECT_ERRC(Errc::timed_out, read_some(both.get(), buffer, Deadline::now()));
}

TEST_F(NamedPipe, goes_on_after_its_name_is_gone) {
  Fifo fifo = test::value_of(Fifo::create(place()));
  const Fd both = test::value_of(Fifo::open_both(place()));
  EXPECT_TRUE(fifo.remove().value());
  EXPECT_OK(write_all(both.get(), bytes_of("ping")));
  EXPECT_ERRC(Errc::not_found, Fifo::open_writer(place(), Deadline::in(5ms)));
}

TEST_F(NamedPipe, a_wrong_kind_of_file_is_refused_by_name) {
  ASSERT_EQ(::close(::creat(place("plain").c_str(), 0600)), 0);
  const Fd socket(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  sockaddr_un address{.sun_family = AF_UNIX, .sun_path = {}};
  place("socket").copy(address.sun_path, sizeof address.sun_path - 1);
  ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  const std::pair<std::string, const char*> wrong[] = {
      {place("plain"), "a plain file"}, {place("socket"), "a socket"}, {folder, "a folder"}};
  for (const auto& [path, kind] : wrong) {
    EXPECT_ERRC(Errc::invalid_argument, Fifo::open_reader(path));
    EXPECT_ERRC(Errc::invalid_argument, Fifo::open_both(path));
    const auto writer = Fifo::open_writer(path);
    EXPECT_ERRC(Errc::invalid_argument, writer);
    EXPECT_THAT(writer.error().message(), testing::HasSubstr(kind));
  }
}

TEST_F(NamedPipe, another_users_pipe_is_refused_unless_anyone_is_trusted) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  const bool foreign =
      ::chown(place().c_str(), 65534, 65534) == 0 && ::geteuid() != 65534;  // only root may give away
  const Errc without_reader = foreign ? Errc::permission_denied : Errc::timed_out;
  EXPECT_ERRC(without_reader, Fifo::open_writer(place(), Deadline::now()));
  EXPECT_EQ(Fifo::open_both(place()).has_value(), !foreign);
  EXPECT_OK(Fifo::open_both(place(), Trust::anyone));
}

TEST_F(NamedPipe, a_symbolic_link_is_refused) {
  const Fifo fifo = test::value_of(Fifo::create(place()));
  ASSERT_EQ(::symlink(place().c_str(), place("link").c_str()), 0);
  EXPECT_ERRC(Errc::permission_denied, Fifo::open_both(place("link")));
  EXPECT_ERRC(Errc::permission_denied, Fifo::open_writer(place("link")));
  EXPECT_ERRC(Errc::already_exists, Fifo::create(place("link")));
}

}  // namespace
}  // namespace tenon::os
