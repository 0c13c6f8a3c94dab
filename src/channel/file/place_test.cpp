// The folder of file:, who may be in it, and its limits.
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <fstream>

#include "channel/file/file_test.hpp"
#include "support/faults.hpp"

namespace tenon {
namespace {

using namespace test;

using FilePlace = FileChannel;

// ---- The folder

TEST_F(FilePlace, stays_within_its_capacity_and_removes_what_was_read) {
  Pair pair = meet("?capacity=256K");
  std::jthread sender([&] {
    for (std::uint64_t i = 0; i < 20'000; ++i) ASSERT_OK(pair.connected.send(pattern(1000, i), soon()));
    EXPECT_OK(pair.connected.finish());
  });
  for (std::uint64_t i = 0; i < 20'000; ++i) {
    ASSERT_TRUE(is_pattern(value_of(pair.accepted.borrow(soon())).bytes(), i));
    if (i % 100 == 0) {
      ASSERT_LT(bytes_in_folder(), 400U << 10);
    }
  }
  EXPECT_ERRC(Errc::closed, pair.accepted.borrow(soon()));
  EXPECT_LE(std::distance(std::filesystem::directory_iterator(path_), {}), 6);
}

TEST_F(FilePlace, uses_an_empty_folder_and_leaves_it_there) {
  ASSERT_TRUE(std::filesystem::create_directory(path_));
  meet();
  EXPECT_TRUE(std::filesystem::is_empty(path_));
}

TEST_F(FilePlace, refuses_a_folder_that_holds_something_else_and_leaves_it_alone) {
  ASSERT_TRUE(std::filesystem::create_directory(path_));
  std::ofstream(file("precious")) << "x";
  for (const bool listening : {true, false}) {
    const auto refused = listening ? listen(address_).error() : connect(address_).error();
    EXPECT_EQ(refused.code(), Errc::invalid_argument);
    EXPECT_THAT(refused.message(), testing::HasSubstr("holds something else"));
  }
  EXPECT_EQ(std::distance(std::filesystem::directory_iterator(path_), {}), 1);
}

TEST_F(FilePlace, refuses_a_folder_in_which_others_may_write_unless_that_is_meant) {
  ASSERT_TRUE(std::filesystem::create_directory(path_));
  ASSERT_EQ(::chmod(path_.c_str(), 0777), 0);
  const auto refused = listen(address_);
  ASSERT_TRUE(is_error(Errc::permission_denied, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("mode="));
  EXPECT_TRUE(std::filesystem::is_empty(path_));
  EXPECT_OK(listen(address_ + "?mode=0666"));
}

TEST_F(FilePlace, makes_every_file_with_the_listeners_mode) {
  for (const auto& [options, mode] : {std::pair{"", 0600U}, std::pair{"?mode=0660", 0660U}}) {
    Listener listener = listen_here(options);
    const mode_t before = ::umask(0);
    std::jthread client([&] {
      Channel channel = value_of(connect(address_, {.deadline = soon()}));
      EXPECT_OK(channel.send("x"));
    });
    Channel channel = value_of(listener.accept(soon()));
    EXPECT_EQ(next(channel), "x");
    client.join();
    ::umask(before);
    int files = 0;
    for (const auto& entry : std::filesystem::directory_iterator(path_)) {
      ++files;
      EXPECT_EQ(static_cast<unsigned>(entry.status().permissions()), mode) << entry.path();
    }
    EXPECT_EQ(files, 5);
  }
}

TEST_F(FilePlace, follows_no_link_inside_the_folder) {
  {
    Pair pair = meet();
    EXPECT_OK(pair.connected.send("kept"));
  }
  for (const std::string& name : {std::string("tenon"), std::string("to-listener.read"), segment(1)}) {
    std::filesystem::rename(file(name), folder_ / "moved");
    std::filesystem::create_symlink(folder_ / "moved", file(name));
    if (const auto listener = listen(address_)) {
      EXPECT_ERRC(Errc::permission_denied, connect(address_)) << name;
    } else {
      EXPECT_TRUE(is_error(Errc::permission_denied, listener)) << name;
    }
    std::filesystem::remove(file(name));
    std::filesystem::rename(folder_ / "moved", file(name));
  }
  Pair pair = meet();
  EXPECT_EQ(next(pair.accepted), "kept");
}

// ---- Seats

TEST_F(FilePlace, a_second_connector_waits_for_its_turn) {
  Pair pair = meet();
  const auto early = connect(address_, {.deadline = Deadline::in(5ms)});
  ASSERT_TRUE(is_error(Errc::timed_out, early));
  EXPECT_THAT(early.error().message(), testing::HasSubstr(std::to_string(::getpid()) + " is connected"));
  std::jthread second([&] {
    Channel channel = value_of(connect(address_, {.deadline = soon()}));
    EXPECT_OK(channel.send("my turn"));
  });
  EXPECT_OK(pair.connected.close());
  EXPECT_OK(pair.accepted.close());
  Channel channel = value_of(pair.listener.accept(soon()));
  EXPECT_EQ(next(channel), "my turn");
}

TEST_F(FilePlace, a_listener_has_one_channel_at_a_time_and_says_so) {
  Pair pair = meet();
  const auto none = pair.listener.accept(Deadline::in(5ms));
  ASSERT_TRUE(is_error(Errc::timed_out, none));
  EXPECT_THAT(none.error().message(), testing::HasSubstr("one channel at a time"));
}

TEST_F(FilePlace, outlives_its_listener) {
  Pair pair = meet();
  {
    const Listener gone = std::move(pair.listener);
  }
  EXPECT_OK(pair.connected.send("still here"));
  EXPECT_EQ(next(pair.accepted), "still here");
  EXPECT_ERRC(Errc::address_in_use, listen(address_));
}

// ---- Limits

TEST_F(FilePlace, at_the_limit_of_a_file_goes_on_in_another_or_says_which_limit) {
  ChildProcess limited([&] {
    const rlimit limit{100'000, 100'000};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    Pair pair = meet();
    for (std::uint64_t i = 0; i < 300; ++i) EXPECT_OK(pair.connected.send(pattern(3000, i), soon()));
    const auto refused = pair.connected.send(pattern(100'000, 1), soon());
    EXPECT_TRUE(is_error(Errc::resource_limit, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr("ulimit -f"));
    EXPECT_OK(pair.connected.send("it goes on"));
    for (std::uint64_t i = 0; i < 300; ++i)
      EXPECT_TRUE(is_pattern(value_of(pair.accepted.borrow(soon())).bytes(), i));
    EXPECT_EQ(next(pair.accepted), "it goes on");
    return 0;
  });
  EXPECT_EQ(limited.wait(), 0);
}

TEST_F(FilePlace, takes_back_what_a_full_disk_took_only_in_part) {
  // The limit comes when the channel stands, so the system cuts a write in the middle, as a full disk does.
  ChildProcess limited([&] {
    ::signal(SIGXFSZ, SIG_IGN);
    Pair pair = meet();
    EXPECT_OK(pair.connected.send(pattern(3000, 0), soon()));
    const rlimit limit{10'000, RLIM_INFINITY};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
    EXPECT_ERRC(Errc::resource_limit, pair.connected.send(pattern(30'000, 1), soon()));
    const auto small = pattern(3000, 2);
    const std::vector<ByteView> four(4, ByteView(small));
    EXPECT_EQ(value_of(pair.connected.send_many(four, soon())), 2u) << "those that are whole";
    EXPECT_LT(std::filesystem::file_size(file(segment(1))), 10'000u);
    const rlimit none{RLIM_INFINITY, RLIM_INFINITY};
    EXPECT_EQ(::setrlimit(RLIMIT_FSIZE, &none), 0);
    EXPECT_OK(pair.connected.send(pattern(30'000, 3), soon()));
    for (const std::uint64_t seed : {0U, 2U, 2U, 3U})
      EXPECT_TRUE(is_pattern(value_of(pair.accepted.borrow(soon())).bytes(), seed)) << seed;
    EXPECT_ERRC(Errc::timed_out, pair.accepted.borrow(Deadline::now()));
    return 0;
  });
  EXPECT_EQ(limited.wait(), 0);
}

TEST_F(FilePlace, a_full_disk_is_a_clean_error_and_the_channel_goes_on) {
  Pair pair = meet();
  int sent = 0;
  int refused = 0;
  for (int i = 0; i < 30;
       ++i) {  // a send looks at its peer only now and then: the write is one of the first calls
    const Faults fault = Faults::in_call(1 + i % 3, ENOSPC);
    const auto result = send_number(pair.connected, sent);
    result ? ++sent : ++refused;
    EXPECT_TRUE(result || is_error(Errc::resource_limit, result));
  }
  EXPECT_GE(refused, 1);
  for (int i = 0; i < sent; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
  EXPECT_ERRC(Errc::timed_out, pair.accepted.borrow(Deadline::now()));
}

TEST_F(FilePlace, a_message_of_an_earlier_session_beyond_our_maximum_waits_for_who_takes_it) {
  const auto large = pattern((64 << 20) + 1, 1);
  {
    Pair pair = meet();
    EXPECT_OK(pair.connected.send(large, soon()));
  }
  {
    Pair pair = meet("?max-message-size=64M");
    const auto refused = pair.accepted.borrow(soon());
    ASSERT_TRUE(is_error(Errc::resource_limit, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr("max-message-size"));
  }
  EXPECT_TRUE(std::ranges::equal(value_of(meet().accepted.borrow(soon())).bytes(), large));
}

}  // namespace
}  // namespace tenon
