// fifo: with frames: the rendezvous under attack, cut off at every step, and its limits. What every transport
// promises is in the conformance suite.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <fstream>
#include <random>

#include <tenon/os/fifo.hpp>
#include <tenon/os/pipe.hpp>

#include "channel/conformance_test.hpp"
#include "channel/fifo/request.hpp"
#include "channel/stream.hpp"
#include "os/fifo_place.hpp"

namespace tenon {
namespace {

using namespace test;

const os::FifoToken some_token = [] {
  os::FifoToken token;
  token.fill('a');
  return token;
}();

/// The tokens that a scanner finds in `bytes`, fed in pieces of the size it asks for.
std::vector<os::FifoToken> found_in(ByteView bytes) {
  RequestScanner scanner;
  std::vector<os::FifoToken> found;
  while (!bytes.empty()) {
    const auto room = scanner.room();
    const std::size_t taken = std::min(room.size(), bytes.size());
    std::ranges::copy(bytes.first(taken), room.begin());
    scanner.filled(taken);
    bytes = bytes.subspan(taken);
    if (const auto token = scanner.next()) found.push_back(*token);
  }
  return found;
}

TEST(FifoRequest, is_found_behind_every_beginning_of_another) {
  const FifoRequest whole = encode_request(some_token);
  for (std::size_t cut = 0; cut < whole.size(); ++cut) {
    std::vector<std::byte> bytes(whole.begin(), whole.begin() + static_cast<std::ptrdiff_t>(cut));
    bytes.insert(bytes.end(), whole.begin(), whole.end());
    EXPECT_EQ(found_in(bytes), std::vector{some_token}) << cut;
  }
}

TEST(FifoRequest, is_found_behind_any_garbage) {
  std::mt19937_64 random(48);
  const FifoRequest whole = encode_request(some_token);
  for (int trial = 0; trial < 2000; ++trial) {
    std::vector<std::byte> bytes(random() % 200);
    for (auto& byte : bytes)
      byte = random() % 2 == 0 ? whole[random() % 48] : static_cast<std::byte>(random());
    bytes.insert(bytes.end(), whole.begin(), whole.end());
    EXPECT_EQ(found_in(bytes), std::vector{some_token});
  }
}

TEST(FifoRequest, with_anything_wrong_is_none) {
  const FifoRequest whole = encode_request(some_token);
  for (std::size_t i = 0; i < whole.size(); ++i) {
    FifoRequest wrong = whole;
    wrong[i] ^= std::byte{0x40};
    EXPECT_TRUE(found_in(wrong).empty()) << i;
  }
}

class FifoDoor : public testing::Test {
 protected:
  std::string place() const { return folder_ / "p"; }
  std::string private_folder() const { return folder_ / "p.tenon"; }
  std::string address(const std::string& options = {}) const { return "fifo:" + place() + options; }
  std::string pipe_name(const char* suffix) const {
    return private_folder() + "/" + std::string(some_token.data(), some_token.size()) + suffix;
  }
  /// Writes to the listener's pipe as any program may.
  void write_to_door(ByteView bytes) const {
    const os::Fd door = value_of(os::Fifo::open_writer(place(), Deadline::now()));
    EXPECT_OK(os::write_all(door.get(), bytes, soon()));
  }
  void request_some_token() const { write_to_door(encode_request(some_token)); }
  void expect_service(Listener& listener) const {
    std::jthread client([this] {
      Channel channel = value_of(connect(address(), {.deadline = soon()}));
      EXPECT_OK(channel.send("served?", soon()));
      EXPECT_EQ(value_of(channel.borrow(soon())).text(), "served");
    });
    Channel channel = value_of(listener.accept(soon()));
    EXPECT_EQ(value_of(channel.borrow(soon())).text(), "served?");
    EXPECT_OK(channel.send("served"));
  }
  /// What only root can set up has nothing to show for others.
  static bool is_root() { return ::geteuid() == 0; }
  static void become_nobody() {
    ASSERT_EQ(::setgid(65534), 0);
    ASSERT_EQ(::setuid(65534), 0);
  }

  TemporaryFolder folder_;
};

TEST_F(FifoDoor, garbage_before_a_request_harms_nobody) {
  Listener listener = value_of(listen(address()));
  for (const std::size_t size : {1UL, 7UL, 47UL, 48UL, 49UL, 1000UL, 4096UL, 60'000UL}) {
    write_to_door(pattern(size, size));
    expect_service(listener);
  }
}

TEST_F(FifoDoor, endless_garbage_does_not_keep_others_out) {
  Listener listener = value_of(listen(address()));
  const auto garbage = pattern(1000, 1);
  std::jthread flood([&](const std::stop_token& stop) {
    const os::Fd door = value_of(os::Fifo::open_writer(place(), Deadline::now()));
    while (!stop.stop_requested() && os::write_all(door.get(), garbage, Deadline::in(1s))) {
    }
  });
  for (int i = 0; i < 5; ++i) expect_service(listener);
}

TEST_F(FifoDoor, names_of_other_things_than_pipes_are_dropped_and_removed) {
  const std::string elsewhere = folder_ / "elsewhere";
  std::ofstream(elsewhere) << "precious";
  Listener listener = value_of(listen(address()));
  const std::vector<std::function<void(const std::string&)>> makers{
      [](const std::string& name) { std::ofstream(name) << "a file"; },
      [&](const std::string& name) { std::filesystem::create_symlink(elsewhere, name); },
      [&](const std::string& name) { std::filesystem::create_hard_link(elsewhere, name); },
      [](const std::string& name) { ASSERT_EQ(::mkfifo(name.c_str(), 0600), 0); },  // nobody holds it open
      [](const std::string&) {},                                                    // nothing
  };
  for (const auto& make : makers) {
    make(pipe_name(".up"));
    make(pipe_name(".down"));
    request_some_token();
    expect_service(listener);
    EXPECT_TRUE(std::filesystem::is_empty(private_folder()));
  }
  EXPECT_EQ(std::filesystem::file_size(elsewhere), 8U);
}

TEST_F(FifoDoor, pipes_that_others_could_open_are_refused) {
  Listener listener = value_of(listen(address()));
  for (const char* const suffix : {".up", ".down"}) {
    for (const char* const name : {".up", ".down"}) {
      ASSERT_EQ(::mkfifo(pipe_name(name).c_str(), 0600), 0);
      ASSERT_EQ(::chmod(pipe_name(name).c_str(), suffix == std::string(name) ? 0666 : 0600), 0);
    }
    const os::Fd up = value_of(os::Fifo::open_both(pipe_name(".up")));
    const os::Fd down = value_of(os::Fifo::open_reader_at_once(pipe_name(".down")));
    request_some_token();
    expect_service(listener);
    std::byte byte;
    EXPECT_EQ(value_of(os::read_some(down.get(), {&byte, 1}, soon())), 0U);  // told by the end
  }
}

TEST_F(FifoDoor, one_pipe_under_both_names_is_refused) {
  Listener listener = value_of(listen(address()));
  ASSERT_EQ(::mkfifo(pipe_name(".up").c_str(), 0600), 0);
  ASSERT_EQ(::link(pipe_name(".up").c_str(), pipe_name(".down").c_str()), 0);
  const os::Fd both = value_of(os::Fifo::open_both(pipe_name(".up")));
  request_some_token();
  expect_service(listener);
}

TEST_F(FifoDoor, a_client_that_gives_up_leaves_no_name) {
  const Listener listener = value_of(listen(address()));
  EXPECT_ERRC(Errc::timed_out, connect(address(), {.deadline = Deadline::now()}));
  EXPECT_TRUE(std::filesystem::is_empty(private_folder()));
}

TEST_F(FifoDoor, a_client_that_was_killed_between_the_steps_harms_nobody) {
  std::optional<Listener> listener = value_of(listen(address()));
  for (const bool requested : {false, true}) {
    ChildProcess client([&] {
      const auto token = value_of(os::random_token());
      const os::Fd door = value_of(os::open_door(place(), {}));
      const os::FifoPair pair = value_of(os::FifoPair::make(place(), {}, token));
      if (requested) value_of(os::write_all(door.get(), encode_request(token)));
      return ::raise(SIGKILL);
    });
    EXPECT_EQ(client.wait(), -SIGKILL);
    expect_service(*listener);
  }
  listener.reset();
  EXPECT_TRUE(folder_.empty());
}

TEST_F(FifoDoor, a_client_learns_at_once_that_the_listener_died_before_it_was_served) {
  const auto [ready, tell] = [] {
    auto pipe = value_of(os::Pipe::create());
    return std::pair(std::move(pipe.read_end), std::move(pipe.write_end));
  }();
  ChildProcess server([&] {
    const Listener listener = value_of(listen(address()));
    value_of(os::write_all(tell.get(), bytes_of("!")));
    return ::pause();
  });
  std::byte byte;
  ASSERT_OK(os::read_some(ready.get(), {&byte, 1}, soon()));
  std::jthread killer([&] {
    while (std::filesystem::is_empty(private_folder())) std::this_thread::yield();
    server.kill(SIGKILL);
  });
  EXPECT_ERRC(Errc::no_one_there, connect(address(), {.deadline = soon()}));
}

TEST_F(FifoDoor, what_a_killed_listener_left_is_swept) {
  ASSERT_TRUE(std::filesystem::create_directory(private_folder()));
  for (const char* const suffix : {".up", ".down"}) ASSERT_EQ(::mkfifo(pipe_name(suffix).c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo((private_folder() + "/door").c_str(), 0600), 0);
  ASSERT_EQ(::mkfifo(place().c_str(), 0600), 0);
  {
    Listener listener = value_of(listen(address()));
    EXPECT_TRUE(std::filesystem::is_empty(private_folder()));
    expect_service(listener);
  }
  EXPECT_TRUE(folder_.empty());
}

TEST_F(FifoDoor, what_is_not_ours_in_the_folder_stays) {
  ASSERT_TRUE(std::filesystem::create_directory(private_folder()));
  std::ofstream(private_folder() + "/precious") << "precious";
  {
    Listener listener = value_of(listen(address()));
    expect_service(listener);
  }
  EXPECT_EQ(std::filesystem::file_size(private_folder() + "/precious"), 8U);
  EXPECT_FALSE(std::filesystem::exists(place()));
}

TEST_F(FifoDoor, a_file_in_place_of_the_folder_is_an_error_that_names_it) {
  std::ofstream(private_folder()) << "precious";
  const auto result = listen(address());
  ASSERT_TRUE(is_error(Errc::already_exists, result));
  EXPECT_THAT(result.error().message(), testing::HasSubstr("p.tenon"));
  EXPECT_FALSE(std::filesystem::exists(place()));
}

TEST_F(FifoDoor, a_pipe_that_another_program_reads_is_not_taken) {
  ASSERT_EQ(::mkfifo(place().c_str(), 0600), 0);
  const os::Fd reader = value_of(os::Fifo::open_reader_at_once(place()));
  EXPECT_ERRC(Errc::address_in_use, listen(address()));
  const auto result = connect(address(), {.deadline = soon()});
  ASSERT_TRUE(is_error(Errc::no_one_there, result));
  EXPECT_THAT(result.error().message(), testing::HasSubstr("framing=raw"));
  EXPECT_TRUE(std::filesystem::is_fifo(place()));
}

TEST_F(FifoDoor, a_name_that_was_replaced_is_not_removed) {
  {
    const Listener listener = value_of(listen(address()));
    ASSERT_EQ(::unlink(place().c_str()), 0);
    std::ofstream(place()) << "precious";
  }
  EXPECT_EQ(std::filesystem::file_size(place()), 8U);
}

TEST_F(FifoDoor, the_capacity_that_cannot_be_had_is_an_error_with_the_limit) {
  const auto result = listen(address("?capacity=4G"));
  EXPECT_FALSE(result.has_value());
  EXPECT_TRUE(folder_.empty());
  Listener listener = value_of(listen(address("?capacity=8K")));
  expect_service(listener);
  if (is_root()) return;  // who may go beyond every limit
  const auto refused = connect(address("?capacity=1G"), {.deadline = soon()});
  ASSERT_TRUE(is_error(Errc::resource_limit, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("/proc/sys/fs/pipe-max-size"));
}

TEST_F(FifoDoor, other_users_come_in_as_far_as_the_mode_says) {
  if (!is_root()) return;
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  for (const bool let_in : {false, true}) {
    Listener listener = value_of(listen(address(let_in ? "?mode=0666" : "")));
    ChildProcess stranger([&] {
      become_nobody();
      if (!let_in) {
        EXPECT_ERRC(Errc::permission_denied, connect(address(), {.deadline = soon()}));
        return testing::Test::HasFailure() ? 1 : 0;
      }
      EXPECT_EQ(::open(private_folder().c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC), -1);
      EXPECT_EQ(::open(place().c_str(), O_RDONLY | O_NONBLOCK | O_CLOEXEC), -1);
      value_of(connect(address(), {.deadline = soon()})).send("let in");
      return testing::Test::HasFailure() ? 1 : 0;
    });
    if (let_in) {
      Channel channel = value_of(listener.accept(soon()));
      EXPECT_EQ(value_of(channel.borrow(soon())).text(), "let in");
    }
    EXPECT_EQ(stranger.wait(), 0);
  }
}

TEST_F(FifoDoor, a_strangers_listener_is_trusted_only_by_name) {
  if (!is_root()) return;
  ASSERT_EQ(::chown(folder_.path().c_str(), 65534, 65534), 0);
  ChildProcess stranger([&] {
    become_nobody();
    Listener listener = value_of(listen(address()));
    Channel channel = value_of(listener.accept(soon()));
    return channel.borrow(soon()) ? 0 : 1;
  });
  const auto attempt = [&](const std::string& options) {
    auto channel = connect(address(options), {.deadline = soon()});
    while (!channel && channel.error().code() == Errc::no_one_there)
      channel = connect(address(options), {.deadline = soon()});
    return channel;
  };
  const auto refused = attempt("");
  ASSERT_TRUE(is_error(Errc::permission_denied, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("owner="));
  EXPECT_ERRC(Errc::permission_denied, attempt("?owner=12345"));
  EXPECT_OK(value_of(attempt("?owner=65534")).send("trusted"));
  EXPECT_EQ(stranger.wait(), 0);
}

}  // namespace
}  // namespace tenon
