#include <tenon/os/file.hpp>

#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <array>
#include <csignal>
#include <filesystem>
#include <thread>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;

class PlainFile : public testing::Test {
 protected:
  PlainFile() {
    std::string name = "/tmp/tenon-file-" + std::to_string(::getpid()) + "-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~PlainFile() override { std::filesystem::remove_all(folder); }
  std::string place(const std::string& name = "log") const { return folder + "/" + name; }

  std::string folder;
};

TEST_F(PlainFile, is_for_its_owner_only_and_a_mode_is_exact_whatever_the_umask) {
  const mode_t before = ::umask(0);
  const File narrow = test::value_of(File::create(place("narrow")));
  ::umask(0777);
  const File wide = test::value_of(File::create(place("wide"), 0644));
  ::umask(before);
  struct stat found{};
  ASSERT_EQ(::fstat(narrow.descriptor(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0600u);
  ASSERT_EQ(::fstat(wide.descriptor(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777U, 0644u);
}

TEST_F(PlainFile, a_name_in_use_is_never_taken_over) {
  const File first = test::value_of(File::create(place()));
  EXPECT_ERRC(Errc::already_exists, File::create(place()));
  ASSERT_EQ(::symlink("nowhere", place("link").c_str()), 0);
  EXPECT_ERRC(Errc::already_exists, File::create(place("link")));
  EXPECT_ERRC(Errc::not_found, File::open(place("nothing")));
}

TEST_F(PlainFile, only_a_plain_file_is_opened_and_that_at_once) {
  ASSERT_EQ(::mkfifo(place("fifo").c_str(), 0600), 0);
  EXPECT_ERRC(Errc::invalid_argument, File::open(place("fifo"), File::Access::read));
  EXPECT_ERRC(Errc::invalid_argument, File::open(place("fifo")));
  EXPECT_ERRC(Errc::invalid_argument, File::open(folder));
  EXPECT_ERRC(Errc::invalid_argument, File::open(folder, File::Access::read));
}

TEST_F(PlainFile, a_symbolic_link_is_refused) {
  const File file = test::value_of(File::create(place()));
  ASSERT_EQ(::symlink(place().c_str(), place("link").c_str()), 0);
  EXPECT_ERRC(Errc::permission_denied, File::open(place("link")));
}

TEST_F(PlainFile, several_append_and_nothing_is_mixed_or_lost) {
  const File all = test::value_of(File::create(place()));
  constexpr int each = 500;
  {
    std::vector<std::jthread> writers;
    for (const char letter : {'a', 'b', 'c'}) {
      writers.emplace_back([&, letter] {
        File mine = test::value_of(File::open(place()));
        for (int i = 0; i < each; ++i) EXPECT_OK(mine.append(bytes_of(std::string(16, letter))));
      });
    }
  }
  EXPECT_EQ(all.size().value(), 3u * each * 16u);
  std::array<std::byte, 16> record;
  for (std::uint64_t at = 0; at < 3 * each * 16; at += 16) {
    ASSERT_EQ(all.read_at(at, record).value(), 16u);
    EXPECT_EQ(text_of(record), std::string(16, text_of(record)[0]));
  }
}

TEST_F(PlainFile, reading_stops_at_the_end) {
  File file = test::value_of(File::create(place()));
  EXPECT_OK(file.append(bytes_of("pingpo")));
  std::array<std::byte, 4> buffer;
  EXPECT_EQ(file.read_at(4, buffer).value(), 2u);
  EXPECT_EQ(file.read_at(6, buffer).value(), 0u);
  EXPECT_EQ(file.read_at(UINT64_MAX, buffer).value(), 0u);
}

TEST_F(PlainFile, a_record_is_read_once_all_of_it_is_there) {
  File writer = test::value_of(File::create(place()));
  File reader = test::value_of(File::open(place(), File::Access::read));
  std::array<std::byte, 4> record;
  EXPECT_ERRC(Errc::timed_out, reader.read_record(0, record, Deadline::now()));
  EXPECT_OK(writer.append(bytes_of("pi")));
  EXPECT_ERRC(Errc::timed_out, reader.read_record(0, record, Deadline::in(1ms)));
  std::jthread other([&] { EXPECT_OK(writer.append(bytes_of("ng"))); });
  EXPECT_OK(reader.read_record(0, record, Deadline::in(10s)));
  EXPECT_EQ(text_of(record), "ping");
  EXPECT_ERRC(Errc::invalid_argument, reader.read_record(UINT64_MAX, record, Deadline::now()));
}

TEST_F(PlainFile, waiting_for_a_record_can_be_cancelled) {
  File file = test::value_of(File::create(place()));
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  std::array<std::byte, 4> record;
  EXPECT_ERRC(Errc::cancelled, file.read_record(0, record, Deadline::never().unless(canceller)));
}

TEST_F(PlainFile, a_cut_append_says_how_much_is_in_the_file) {
  struct sigaction ignore{};
  struct sigaction before{};
  ignore.sa_handler = SIG_IGN;
  rlimit limit{};
  File file = test::value_of(File::create(place()));
  EXPECT_OK(file.append(bytes_of("0123")));
  ASSERT_EQ(::sigaction(SIGXFSZ, &ignore, &before), 0);
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &limit), 0);
  rlimit small = limit;
  small.rlim_cur = 10;
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto appended = file.append(bytes_of("01234567"));
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &limit), 0);
  ASSERT_EQ(::sigaction(SIGXFSZ, &before, nullptr), 0);
  EXPECT_ERRC(Errc::system_error, appended);
  EXPECT_THAT(appended.error().message(),
              testing::HasSubstr("only 6 of 8 bytes were written, up to byte 10"));
  EXPECT_OK(file.truncate(4));
  EXPECT_EQ(file.size().value(), 4u);
}

TEST_F(PlainFile, its_bytes_and_its_name_can_be_made_to_last) {
  File file = test::value_of(File::create(place()));
  EXPECT_OK(file.append(bytes_of("ping")));
  EXPECT_OK(file.sync());
  EXPECT_OK(file.sync_name());
}

TEST_F(PlainFile, what_is_open_for_reading_is_not_written) {
  const File made = test::value_of(File::create(place()));
  File reader = test::value_of(File::open(place(), File::Access::read));
  EXPECT_FALSE(reader.append(bytes_of("ping")).has_value());
  EXPECT_FALSE(reader.truncate(0).has_value());
}

TEST_F(PlainFile, its_name_goes_with_the_owner_of_the_name) {
  const File file = test::value_of(File::create(place()));
  {
    const OwnedName name = test::value_of(file.own_name());
    EXPECT_TRUE(std::filesystem::exists(place()));
  }
  EXPECT_FALSE(std::filesystem::exists(place()));
  EXPECT_EQ(file.size().value(), 0u);
}

}  // namespace
}  // namespace tenon::os
