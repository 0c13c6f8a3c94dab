// Places of Unix sockets: taken whole, protected, never stolen from the living, given back.
#include <fcntl.h>
#include <sys/file.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cstdlib>
#include <filesystem>
#include <optional>
#include <thread>

#include <tenon/os/unix_socket.hpp>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using test::value_of;
using testing::HasSubstr;

/// What the error says; empty for a value.
template <typename T>
std::string message_of(const Result<T>& result) {
  return result ? "" : result.error().message();
}

/// A folder of its own for each test, gone afterwards.
class SocketPlace : public testing::Test {
 protected:
  SocketPlace() {
    std::string name = "/tmp/tenon-socket-" + std::to_string(::getpid()) + "-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~SocketPlace() override { std::filesystem::remove_all(folder); }
  std::string place(const std::string& name = "s") const { return folder + "/" + name; }
  bool empty() const { return std::filesystem::is_empty(folder); }

  /// What a listener that was killed leaves: a name that nobody answers at.
  void leave_stale_name(const std::string& path, int type = SOCK_STREAM) const {
    const Fd socket(::socket(AF_UNIX, type, 0));
    sockaddr_un address{};
    address.sun_family = AF_UNIX;
    path.copy(address.sun_path, sizeof address.sun_path - 1);
    ASSERT_EQ(::bind(socket.get(), reinterpret_cast<const sockaddr*>(&address), sizeof address), 0);
  }

  static struct stat status_of(const std::string& path) {
    struct stat status{};
    EXPECT_EQ(::lstat(path.c_str(), &status), 0);
    return status;
  }

  std::string folder;
};

void expect_conversation(UnixListener& listener, SocketType type = SocketType::stream) {
  auto client = value_of(UnixSocket::connect(listener.place(), type));
  auto server = value_of(listener.accept(Deadline::now()));
  EXPECT_OK(client.send_all(bytes_of("ping")));
  std::array<std::byte, 16> buffer;
  EXPECT_EQ(value_of(server.receive_some(buffer, Deadline::now())), 4u);
}

TEST_F(SocketPlace, is_there_while_the_listener_lives_and_then_nothing_is_left) {
  {
    auto listener = value_of(UnixListener::listen(place()));
    EXPECT_EQ(listener.place(), place());
    expect_conversation(listener);
    EXPECT_EQ(std::distance(std::filesystem::directory_iterator(folder), {}), 1);
  }
  EXPECT_TRUE(empty());
}

TEST_F(SocketPlace, is_for_its_owner_only_and_a_mode_is_exact_whatever_the_umask) {
  const mode_t before = ::umask(0);
  const auto narrow = value_of(UnixListener::listen(place("narrow")));
  ::umask(0777);
  const auto wide = value_of(UnixListener::listen(place("wide"), {.mode = 0666}));
  const auto mailbox = value_of(UnixSocket::bind(place("mailbox")));
  ::umask(before);
  EXPECT_EQ(status_of(place("narrow")).st_mode & 07777U, 0600u);
  EXPECT_EQ(status_of(place("wide")).st_mode & 07777U, 0666u);
  EXPECT_EQ(status_of(place("mailbox")).st_mode & 07777U, 0600u);
  EXPECT_ERRC(Errc::invalid_argument, UnixListener::listen(place(), {.mode = 010600}));
}

TEST_F(SocketPlace, belongs_to_the_group_that_was_asked_for_or_is_not_made) {
  const auto own = static_cast<int>(::getegid());
  const auto listener = value_of(UnixListener::listen(place(), {.mode = 0660, .group = own}));
  EXPECT_EQ(status_of(place()).st_gid, ::getegid());
  if (::geteuid() == 0) {
    const auto other = value_of(UnixListener::listen(place("other"), {.group = 54321}));
    EXPECT_EQ(status_of(place("other")).st_gid, 54321u);
  } else {
    EXPECT_ERRC(Errc::permission_denied, UnixListener::listen(place("other"), {.group = 54321}));
    EXPECT_FALSE(std::filesystem::exists(place("other")));
  }
}

TEST_F(SocketPlace, of_a_living_listener_is_not_stolen_and_the_holder_is_named) {
  auto listener = value_of(UnixListener::listen(place()));
  const auto second = UnixListener::listen(place());
  EXPECT_ERRC(Errc::address_in_use, second);
  EXPECT_THAT(message_of(second), HasSubstr(std::to_string(::getpid())));
  EXPECT_OK(listener.accept(Deadline::now()));  // the question of the second one: it came and went
  expect_conversation(listener);
}

TEST_F(SocketPlace, of_a_living_listener_of_any_type_is_not_stolen) {
  auto packets = value_of(UnixListener::listen(place("packets"), {.type = SocketType::seqpacket}));
  const auto mailbox = value_of(UnixSocket::bind(place("mailbox")));
  for (const auto type : {SocketType::stream, SocketType::seqpacket}) {
    EXPECT_ERRC(Errc::address_in_use, UnixListener::listen(place("packets"), {.type = type}));
    EXPECT_ERRC(Errc::address_in_use, UnixListener::listen(place("mailbox"), {.type = type}));
  }
  EXPECT_ERRC(Errc::address_in_use, UnixSocket::bind(place("packets")));
  EXPECT_ERRC(Errc::address_in_use, UnixSocket::bind(place("mailbox")));
}

TEST_F(SocketPlace, of_a_listener_with_a_full_queue_is_not_stolen) {
  const auto listener = value_of(UnixListener::listen(place(), {.backlog = 0}));
  const auto waiting = value_of(UnixSocket::connect(place()));
  EXPECT_ERRC(Errc::address_in_use, UnixListener::listen(place()));
}

TEST_F(SocketPlace, of_a_dead_listener_is_taken_over) {
  for (const int type : {SOCK_STREAM, SOCK_SEQPACKET, SOCK_DGRAM}) {
    leave_stale_name(place(), type);
    EXPECT_ERRC(Errc::no_one_there, UnixSocket::connect(place()));
    auto listener = value_of(UnixListener::listen(place()));
    expect_conversation(listener);
  }
}

TEST_F(SocketPlace, of_a_listener_that_was_killed_is_taken_over) {
  auto [ready, tell] = value_of(UnixSocket::pair());
  const pid_t child = ::fork();
  if (child == 0) {
    const auto listener = UnixListener::listen(place());
    (void)tell.send_all(bytes_of("x"));
    ::pause();
  }
  std::array<std::byte, 1> buffer;
  EXPECT_OK(ready.receive_some(buffer));
  EXPECT_ERRC(Errc::address_in_use, UnixListener::listen(place()));
  EXPECT_EQ(::kill(child, SIGKILL), 0);
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  auto listener = value_of(UnixListener::listen(place()));
  expect_conversation(listener);
}

TEST_F(SocketPlace, that_a_killed_process_was_about_to_make_is_no_obstacle) {
  leave_stale_name(place("s.tenon"));
  {
    auto listener = value_of(UnixListener::listen(place()));
  }
  EXPECT_TRUE(empty());
}

TEST_F(SocketPlace, that_is_stale_goes_to_exactly_one_of_many_that_race_for_it) {
  for (int round = 0; round < 50; ++round) {
    leave_stale_name(place());
    std::vector<std::optional<Result<UnixListener>>> results(4);
    {
      std::vector<std::jthread> threads;
      for (auto& result : results) threads.emplace_back([&] { result = UnixListener::listen(place()); });
    }
    const auto winner = std::ranges::find_if(results, [](const auto& result) { return result->has_value(); });
    ASSERT_NE(winner, results.end());
    for (auto other = results.begin(); other != results.end(); ++other) {
      if (other == winner) continue;
      EXPECT_ERRC(Errc::address_in_use, **other);
      EXPECT_OK((**winner)->accept(Deadline::now()));  // its question
    }
    expect_conversation(***winner);
  }
}

TEST_F(SocketPlace, is_left_alone_when_it_is_another_file_by_now) {
  {
    const auto listener = value_of(UnixListener::listen(place()));
    ASSERT_EQ(::unlink(place().c_str()), 0);
    leave_stale_name(place());
  }
  EXPECT_EQ(::unlink(place().c_str()), 0);
}

TEST_F(SocketPlace, that_is_relative_is_removed_even_from_elsewhere) {
  const auto before = std::filesystem::current_path();
  std::filesystem::current_path(folder);
  {
    auto listener = value_of(UnixListener::listen("here"));
    expect_conversation(listener);
    std::filesystem::current_path(before);
  }
  EXPECT_TRUE(empty());
}

TEST_F(SocketPlace, moves_with_the_listener) {
  auto first = value_of(UnixListener::listen(place("first")));
  auto second = value_of(UnixListener::listen(place("second")));
  first = std::move(second);
  EXPECT_FALSE(std::filesystem::exists(place("first")));
  expect_conversation(first);
}

TEST_F(SocketPlace, with_a_symbolic_link_is_refused_by_both_sides) {
  const auto listener = value_of(UnixListener::listen(place("real")));
  std::filesystem::create_symlink("real", place("link"));
  std::filesystem::create_symlink("nowhere", place("dangling"));
  for (const char* name : {"link", "dangling"}) {
    EXPECT_ERRC(Errc::permission_denied, UnixListener::listen(place(name)));
    EXPECT_ERRC(Errc::permission_denied, UnixSocket::connect(place(name)));
    EXPECT_TRUE(std::filesystem::is_symlink(place(name)));
  }
}

TEST_F(SocketPlace, with_something_else_than_a_socket_is_refused_and_kept) {
  const Fd file(::open(place().c_str(), O_CREAT | O_WRONLY | O_CLOEXEC, 0600));
  const auto listener = UnixListener::listen(place());
  EXPECT_ERRC(Errc::already_exists, listener);
  EXPECT_THAT(message_of(listener), HasSubstr("a regular file: choose another path"));
  const auto client = UnixSocket::connect(place());
  EXPECT_ERRC(Errc::invalid_argument, client);
  EXPECT_THAT(message_of(client), HasSubstr("a regular file"));
  EXPECT_TRUE(std::filesystem::is_regular_file(place()));
}

TEST_F(SocketPlace, of_another_user_is_refused_and_the_owner_is_named) {
  if (::geteuid() == 0) {
    leave_stale_name(place());
    ASSERT_EQ(::chown(place().c_str(), 54321, 54321), 0);
    const auto listener = UnixListener::listen(place());
    EXPECT_ERRC(Errc::permission_denied, listener);
    EXPECT_THAT(message_of(listener), HasSubstr("54321"));
  } else {  // an ordinary user cannot give a file away; root's folders are closed to him
    EXPECT_ERRC(Errc::permission_denied, UnixListener::listen("/tenon-test"));
  }
}

TEST_F(SocketPlace, in_a_folder_that_anyone_may_write_to_is_refused_unless_it_is_sticky) {
  ASSERT_EQ(::chmod(folder.c_str(), 0777), 0);
  const auto refused = UnixListener::listen(place());
  EXPECT_ERRC(Errc::permission_denied, refused);
  EXPECT_THAT(message_of(refused), HasSubstr("chmod o-w"));
  ASSERT_EQ(::chmod(folder.c_str(), 01777), 0);
  EXPECT_OK(UnixListener::listen(place()));
}

TEST_F(SocketPlace, without_a_folder_or_a_name_is_refused_with_advice) {
  const auto no_folder = UnixListener::listen(folder + "/missing/s");
  EXPECT_ERRC(Errc::not_found, no_folder);
  EXPECT_THAT(message_of(no_folder), HasSubstr("create the folder"));
  for (const std::string& odd : {std::string(), folder + "/", folder + "/..", std::string("@")}) {
    EXPECT_ERRC(Errc::invalid_argument, UnixListener::listen(odd));
    EXPECT_ERRC(Errc::invalid_argument, UnixSocket::connect(odd));
  }
}

TEST_F(SocketPlace, whose_folder_stays_locked_is_given_up_after_a_while) {
  const Fd lock(::open(folder.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC));
  ASSERT_EQ(::flock(lock.get(), LOCK_EX), 0);
  const auto listener = UnixListener::listen(place());
  EXPECT_ERRC(Errc::timed_out, listener);
  EXPECT_THAT(message_of(listener), HasSubstr("lslocks"));
  EXPECT_TRUE(empty());
}

TEST_F(SocketPlace, may_be_longer_than_the_kernel_takes) {
  const std::string deep = folder + "/" + std::string(120, 'd');
  std::filesystem::create_directory(deep);
  for (const std::size_t length : {1u, 60u, 100u, 107u, 108u, 200u, 249u, 250u, 255u}) {
    SCOPED_TRACE(length);
    for (const std::string& parent : {folder, deep}) {
      auto listener = value_of(UnixListener::listen(parent + "/" + std::string(length, 'n')));
      expect_conversation(listener);
      EXPECT_ERRC(Errc::address_in_use, UnixListener::listen(listener.place()));
    }
    EXPECT_TRUE(std::filesystem::is_empty(deep));
  }
}

TEST_F(SocketPlace, with_a_name_longer_than_the_file_system_takes_is_refused_with_the_limit) {
  const auto name = UnixListener::listen(place(std::string(256, 'n')));
  EXPECT_ERRC(Errc::invalid_argument, name);
  EXPECT_THAT(message_of(name), HasSubstr("255"));
  std::string path = folder;
  while (path.size() < 5000) path += "/" + std::string(100, 'd');
  const auto whole = UnixListener::listen(path);
  EXPECT_ERRC(Errc::invalid_argument, whole);
  EXPECT_THAT(message_of(whole), HasSubstr("4095"));
}

TEST_F(SocketPlace, of_one_type_tells_a_client_of_another_so) {
  const auto listener = value_of(UnixListener::listen(place()));
  const auto client = UnixSocket::connect(place(), SocketType::seqpacket);
  EXPECT_ERRC(Errc::invalid_argument, client);
  EXPECT_THAT(message_of(client), HasSubstr("another type"));
  EXPECT_ERRC(Errc::invalid_argument, UnixListener::listen(place("x"), {.type = SocketType::datagram}));
}

TEST_F(SocketPlace, where_no_one_ever_was_is_no_one_there) {
  const auto client = UnixSocket::connect(place());
  EXPECT_ERRC(Errc::no_one_there, client);
  EXPECT_THAT(message_of(client), HasSubstr("start the listener first"));
}

TEST_F(SocketPlace, of_a_mailbox_is_taken_over_and_removed_too) {
  leave_stale_name(place(), SOCK_DGRAM);
  {
    auto mailbox = value_of(UnixSocket::bind(place()));
    EXPECT_EQ(mailbox.place(), place());
    auto client = value_of(UnixSocket::connect(place(), SocketType::datagram));
    EXPECT_OK(client.send_all(bytes_of("ping")));
    std::array<std::byte, 16> buffer;
    EXPECT_EQ(value_of(mailbox.receive_from(buffer)).from, "");
  }
  EXPECT_TRUE(empty());
}

TEST(AbstractPlace, is_taken_once_and_gone_with_its_listener) {
  const std::string place = "@tenon-test-" + std::to_string(::getpid());
  for (int round = 0; round < 2; ++round) {
    auto listener = value_of(UnixListener::listen(place));
    const auto second = UnixListener::listen(place);
    EXPECT_ERRC(Errc::address_in_use, second);
    EXPECT_THAT(message_of(second), HasSubstr(std::to_string(::getpid())));
    EXPECT_OK(listener.accept(Deadline::now()));
    expect_conversation(listener);
  }
  EXPECT_ERRC(Errc::no_one_there, UnixSocket::connect(place));
}

TEST(AbstractPlace, has_a_limit_that_is_named) {
  const std::string prefix = "@tenon-test-" + std::to_string(::getpid()) + "-";
  auto longest = value_of(UnixListener::listen(prefix + std::string(108 - prefix.size(), 'x')));
  expect_conversation(longest);
  const auto longer = UnixListener::listen(prefix + std::string(109 - prefix.size(), 'x'));
  EXPECT_ERRC(Errc::invalid_argument, longer);
  EXPECT_THAT(message_of(longer), HasSubstr("107"));
}

}  // namespace
}  // namespace tenon::os
