// The file of mmap:, what may stand in its place, and who may use it.
#include <sys/resource.h>
#include <sys/stat.h>
#include <cerrno>
#include <csignal>
#include <filesystem>

#include "channel/mmap/mmap_test.hpp"
#include "support/faults.hpp"

namespace tenon {
namespace {

using namespace test;

class MmapPlace : public MmapChannel {
 protected:
  /// Both sides refuse what stands there, say so, and leave every byte as it is.
  void expect_refused(Errc code, const std::string& text, bool by_connect = true) {
    const std::string before = content();
    const auto listener = listen(address_);
    ASSERT_TRUE(is_error(code, listener));
    EXPECT_THAT(listener.error().message(), testing::HasSubstr(text));
    if (by_connect) {
      const auto channel = connect(address_);
      ASSERT_TRUE(is_error(code, channel));
      EXPECT_THAT(channel.error().message(), testing::HasSubstr(text));
    }
    EXPECT_EQ(content(), before);
  }
};

TEST_F(MmapPlace, an_empty_file_is_refused) {
  std::ofstream(path_).flush();
  expect_refused(Errc::invalid_argument, "the file is empty");
}

TEST_F(MmapPlace, another_programs_file_is_refused) {
  for (const std::size_t size : {1U, 255U, 256U, 600'000U}) {
    std::ofstream(path_) << std::string(size, 'x');
    expect_refused(Errc::invalid_argument, "something else");
  }
}

TEST_F(MmapPlace, a_folder_is_refused) {
  std::filesystem::create_directory(path_);
  for (const auto& error : {listen(address_).error(), connect(address_).error()}) {
    EXPECT_EQ(error.code(), Errc::invalid_argument);
    EXPECT_THAT(error.message(), testing::HasSubstr("it is a folder"));
  }
}

TEST_F(MmapPlace, another_version_is_refused) {
  leave_unread(1);
  write_at(8, std::string("\x09\0\0\0", 4));
  expect_refused(Errc::protocol_violation, "version 9");
}

TEST_F(MmapPlace, a_header_that_cannot_be_is_refused) {
  leave_unread(1);
  const std::string whole = content();
  for (const auto& [offset, bytes] :
       {std::pair{12U, "\x07"}, std::pair{16U, "\x07"}, std::pair{23U, "\x01"}, std::pair{4096U, "Q"},
        std::pair{4096U + 8, "\x07"}, std::pair{4096U + 18, "\x01"}}) {
    write_at(0, whole);
    write_at(offset, bytes);
    expect_refused(Errc::protocol_violation, "move it away");
  }
}

TEST_F(MmapPlace, a_file_that_was_cut_or_grew_is_refused) {
  leave_unread(1);
  for (const std::uint64_t size : {500'000U, 5000U, 5'000'000U}) {
    std::filesystem::resize_file(path_, size);
    expect_refused(Errc::protocol_violation, "bytes and should have");
  }
}

TEST_F(MmapPlace, a_damaged_record_is_refused_and_named_and_nothing_is_lost) {
  leave_unread(3);
  const std::string whole = content();
  const std::uint64_t second = ring_at(default_capacity) + 64;
  write_at(second + 4, "\x09");
  expect_refused(Errc::protocol_violation, "at byte " + std::to_string(second) + " is no record", false);
  EXPECT_ERRC(Errc::no_one_there, connect(address_));
  write_at(0, whole);
  Pair pair = meet();
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
}

TEST_F(MmapPlace, damage_that_comes_while_a_listener_waits_is_told_to_both) {
  leave_unread(3);
  Listener listener = listen_here();
  write_at(ring_at(default_capacity) + 4, "\x09");
  std::jthread client([&] {
    const auto refused = connect(address_, {.deadline = soon()});
    ASSERT_TRUE(is_error(Errc::protocol_violation, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr("its error says why"));
  });
  EXPECT_ERRC(Errc::protocol_violation, listener.accept(soon()));
}

TEST_F(MmapPlace, after_a_start_of_the_machine_only_what_the_last_one_summed_up_is_believed) {
  const std::string other_boot = "00000000-0000-0000-0000-000000000000";
  leave_unread(3);  // killed: nobody summed up
  write_at(24, other_boot);
  expect_refused(Errc::protocol_violation, "the machine has been started anew", false);
  std::filesystem::remove(path_);
  {
    Pair pair = meet();
    for (int i = 1; i <= 3; ++i) ASSERT_OK(send_number(pair.connected, i));
  }
  write_at(24, other_boot);
  const std::string whole = content();
  write_at(ring_at(default_capacity) + 64 + 8, "X");  // a byte of the second
  expect_refused(Errc::protocol_violation, "the machine has been started anew", false);
  write_at(0, whole);
  Pair pair = meet();
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
}

TEST_F(MmapPlace, another_users_file_needs_owner) {
  if (::geteuid() != 0) {
    std::ofstream(path_) << "x";  // only root can give a file away
    expect_refused(Errc::invalid_argument, "something else");
    return;
  }
  leave_unread(2);
  ASSERT_EQ(::chown(path_.c_str(), 65534, 65534), 0);
  expect_refused(Errc::permission_denied, "owner=");
  for (const std::string options : {"?owner=65534", "?owner=any"}) {
    Pair pair = meet(options);
    EXPECT_EQ(next(pair.accepted), options == "?owner=any" ? "2" : "1");
  }
}

TEST_F(MmapPlace, another_user_whom_the_mode_lets_in_may_connect) {
  if (::geteuid() != 0) return;  // takes root to be two users
  ASSERT_EQ(::chmod(folder_.path().c_str(), 0755), 0);
  Listener listener = listen_here("?mode=0666");
  ChildProcess stranger([&] {
    if (::setresgid(65534, 65534, 65534) != 0 || ::setresuid(65534, 65534, 65534) != 0) return 1;
    Channel channel = value_of(connect(address_, {.deadline = soon()}));
    value_of(channel.send("let in", soon()));
    return 0;
  });
  Channel channel = value_of(listener.accept(soon()));
  EXPECT_EQ(next(channel), "let in");
  EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
  EXPECT_EQ(stranger.wait(), 0);
}

TEST_F(MmapPlace, what_cannot_be_allocated_is_an_error_and_leaves_nothing) {
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  rlimit small = before;
  small.rlim_cur = 100'000;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto refused = listen(address_);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  ASSERT_TRUE(is_error(Errc::resource_limit, refused));
  EXPECT_THAT(refused.error().message(),
              testing::HasSubstr(std::to_string(mapped::file_size(default_capacity)) + " bytes are needed"));
  EXPECT_TRUE(folder_.empty());
}

TEST_F(MmapPlace, holes_are_filled_in_before_the_file_is_mapped) {
  leave_unread(1);
  const std::string whole = content();
  std::filesystem::remove(path_);
  std::ofstream(path_).flush();
  std::filesystem::resize_file(path_, whole.size());
  write_at(0, whole.substr(0, 4096 + 512));
  write_at(mapped::region_offset(mapped::Role::connector, default_capacity),
           whole.substr(ring_at(default_capacity) - 4096, 4096 + 64));
  const Listener listener = listen_here();
  struct stat status{};
  ASSERT_EQ(::stat(path_.c_str(), &status), 0);
  EXPECT_GE(static_cast<std::uint64_t>(status.st_blocks) * 512, whole.size());
}

TEST_F(MmapPlace, is_allocated_whole_and_as_large_as_it_should_be) {
  for (const auto& [options, capacity] : {std::pair{"", default_capacity}, std::pair{"?capacity=4K", 4096UL},
                                          std::pair{"?capacity=5000", 8192UL}}) {
    const Listener listener = listen_here(options);
    struct stat status{};
    ASSERT_EQ(::stat(path_.c_str(), &status), 0);
    EXPECT_EQ(static_cast<std::uint64_t>(status.st_size), mapped::file_size(capacity));
    EXPECT_GE(status.st_blocks * 512, status.st_size);
  }
  for (const std::string capacity : {"4095", "2G", "x"})
    EXPECT_ERRC(Errc::invalid_argument, listen(address_ + "?capacity=" + capacity));
}

TEST_F(MmapPlace, with_something_unread_keeps_its_size) {
  leave_unread(1);
  Pair pair = meet("?capacity=4K");
  EXPECT_EQ(std::filesystem::file_size(path_), mapped::file_size(default_capacity));
  EXPECT_EQ(next(pair.accepted), "1");
}

TEST_F(MmapPlace, a_second_connector_waits_for_its_turn) {
  Pair pair = meet();
  const auto late = connect(address_, {.deadline = Deadline::in(5ms)});
  ASSERT_TRUE(is_error(Errc::timed_out, late));
  EXPECT_THAT(late.error().message(),
              testing::HasSubstr("process " + std::to_string(::getpid()) + " is connected"));
  std::jthread second([&] { EXPECT_OK(value_of(connect(address_, {.deadline = soon()})).send("my turn")); });
  EXPECT_ERRC(Errc::timed_out, pair.listener.accept(Deadline::in(5ms)));
  EXPECT_OK(pair.connected.close());
  EXPECT_OK(pair.accepted.close());
  Channel channel = value_of(pair.listener.accept(soon()));
  EXPECT_EQ(next(channel), "my turn");
}

TEST_F(MmapPlace, the_holder_of_the_listeners_seat_is_named) {
  const Listener holder = listen_here();
  const auto second = listen(address_);
  ASSERT_TRUE(is_error(Errc::address_in_use, second));
  EXPECT_THAT(second.error().message(),
              testing::HasSubstr("process " + std::to_string(::getpid()) + " listens there"));
}

TEST_F(MmapPlace, a_removed_name_harms_nobody_and_a_new_one_is_not_removed_by_the_old) {
  std::optional<Pair> old = meet();
  ASSERT_TRUE(std::filesystem::remove(path_));
  Pair fresh = meet();
  EXPECT_OK(old->connected.send("still here", soon()));
  EXPECT_EQ(next(old->accepted), "still here");
  old.reset();
  EXPECT_TRUE(std::filesystem::exists(path_));
  EXPECT_OK(fresh.connected.send("here too", soon()));
  EXPECT_EQ(next(fresh.accepted), "here too");
}

TEST_F(MmapPlace, is_made_under_a_passing_name_where_there_are_no_files_without) {
  int under_a_name = 0;
  bool happened = true;
  for (int number = 1; happened; ++number) {
    std::optional<Result<Listener>> listener;
    {
      const Faults fault = Faults::in_call(number, EOPNOTSUPP);
      listener.emplace(listen(address_));
      happened = fault.happened();
    }
    if (happened && *listener) ++under_a_name;
    listener.reset();
    EXPECT_TRUE(folder_.empty()) << number;
  }
  EXPECT_GE(under_a_name, 1);
}

}  // namespace
}  // namespace tenon
