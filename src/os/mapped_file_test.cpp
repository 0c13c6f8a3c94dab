#include <tenon/os/mapped_file.hpp>

#include <fcntl.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

/// Each test has a folder of its own.
class MappedFiles : public testing::Test {
 protected:
  void SetUp() override {
    std::string pattern = std::filesystem::temp_directory_path() / "tenon-mapped-XXXXXX";
    ASSERT_NE(::mkdtemp(pattern.data()), nullptr);
    folder_ = pattern;
  }
  void TearDown() override { std::filesystem::remove_all(folder_); }
  std::string at(const char* name) const { return folder_ / name; }

  std::filesystem::path folder_;
};

TEST_F(MappedFiles, are_allocated_and_have_the_mode_whatever_the_umask) {
  const mode_t before = ::umask(0777);
  const auto narrow = MappedFile::create(at("narrow"), 100'000, 0666);
  ::umask(0);
  const auto wide = MappedFile::create(at("wide"), 100'000);
  ::umask(before);
  struct stat info{};
  ASSERT_EQ(::fstat(test::value_of(narrow->fd().duplicate()).get(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0666u);
  EXPECT_EQ(info.st_size, 100'000);
  EXPECT_GE(info.st_blocks * 512, 100'000);
  ASSERT_EQ(::stat(at("wide").c_str(), &info), 0);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
}

TEST_F(MappedFiles, are_shared_and_stay_after_their_processes) {
  {
    const MappedFile made = test::value_of(MappedFile::create(at("file"), 20));
    const pid_t child = ::fork();
    if (child == 0) {
      const auto opened = MappedFile::open(at("file"));
      if (!opened || opened->size() != 20) ::_exit(1);
      opened->bytes()[19] = std::byte{'x'};
      ::_exit(0);
    }
    int status = -1;
    ASSERT_EQ(::waitpid(child, &status, 0), child);
    EXPECT_EQ(status, 0);
    EXPECT_EQ(made.view()[19], std::byte{'x'});
    EXPECT_OK(made.sync());
  }
  std::ifstream file(at("file"));
  file.seekg(19);
  EXPECT_EQ(file.get(), 'x');
}

TEST_F(MappedFiles, grow_and_keep_their_bytes) {
  MappedFile file = test::value_of(MappedFile::create(at("file"), 20));
  MappedFile other = test::value_of(MappedFile::open(at("file"), Access::read));
  file.bytes()[0] = std::byte{1};
  ASSERT_OK(file.grow(1 << 20));
  EXPECT_EQ(file.size(), 1u << 20);
  EXPECT_EQ(file.view()[0], std::byte{1});
  file.bytes()[(1 << 20) - 1] = std::byte{2};
  EXPECT_EQ(other.size(), 20u);
  ASSERT_OK(other.refresh());
  EXPECT_EQ(other.size(), 1u << 20);
  EXPECT_EQ(other.view()[(1 << 20) - 1], std::byte{2});
  ASSERT_OK(other.refresh());
}

TEST_F(MappedFiles, never_shrink) {
  MappedFile file = test::value_of(MappedFile::create(at("file"), 4096));
  EXPECT_ERRC(Errc::invalid_argument, file.grow(4095));
  EXPECT_OK(file.grow(4096));
  std::filesystem::resize_file(at("file"), 10);
  EXPECT_ERRC(Errc::protocol_violation, file.refresh());
  EXPECT_EQ(file.size(), 4096u);
}

TEST_F(MappedFiles, opened_to_read_cannot_grow) {
  {
    const MappedFile made = test::value_of(MappedFile::create(at("file"), 20));
  }
  MappedFile file = test::value_of(MappedFile::open(at("file"), Access::read));
  EXPECT_ERRC(Errc::permission_denied, file.grow(40));
}

TEST_F(MappedFiles, beyond_the_limit_of_file_sizes_are_an_error_and_no_signal) {
  MappedFile file = test::value_of(MappedFile::create(at("file"), 20));
  rlimit before{};
  ASSERT_EQ(::getrlimit(RLIMIT_FSIZE, &before), 0);
  const rlimit small{1 << 20, before.rlim_max};
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &small), 0);
  const auto created = MappedFile::create(at("other"), 2 << 20);  // SIGXFSZ would end this process
  const auto grown = file.grow(2 << 20);
  ASSERT_EQ(::setrlimit(RLIMIT_FSIZE, &before), 0);
  EXPECT_ERRC(Errc::resource_limit, created);
  EXPECT_THAT(created.error().message(), testing::HasSubstr("1048576 at most (ulimit -f)"));
  EXPECT_ERRC(Errc::resource_limit, grown);
  EXPECT_FALSE(std::filesystem::exists(at("other")));
  EXPECT_EQ(std::filesystem::file_size(at("file")), 20u);
}

TEST_F(MappedFiles, that_cannot_fit_are_as_before) {
  const auto created = MappedFile::create(at("large"), std::size_t{1} << 60);
  EXPECT_ERRC(Errc::resource_limit, created);
  EXPECT_THAT(created.error().message(), testing::HasSubstr("1152921504606846976 bytes are needed"));
  EXPECT_FALSE(std::filesystem::exists(at("large")));
  MappedFile file = test::value_of(MappedFile::create(at("file"), 20));
  EXPECT_ERRC(Errc::resource_limit, file.grow(std::size_t{1} << 60));
  EXPECT_EQ(std::filesystem::file_size(at("file")), 20u);
  EXPECT_EQ(file.size(), 20u);
}

TEST_F(MappedFiles, that_are_empty_or_missing_are_not_found) {
  EXPECT_ERRC(Errc::not_found, MappedFile::open(at("missing")));
  EXPECT_ERRC(Errc::not_found, MappedFile::create(at("no/folder"), 20));
  std::ofstream(at("empty")).close();
  const auto empty = MappedFile::open(at("empty"));
  EXPECT_ERRC(Errc::not_found, empty);
  EXPECT_THAT(empty.error().message(), testing::HasSubstr("empty"));
  EXPECT_ERRC(Errc::invalid_argument, MappedFile::create(at("none"), 0));
}

TEST_F(MappedFiles, that_are_something_else_are_refused_without_hanging) {
  ASSERT_EQ(::mkfifo(at("fifo").c_str(), 0600), 0);
  EXPECT_ERRC(Errc::invalid_argument, MappedFile::open(at("fifo"), Access::read));
  EXPECT_ERRC(Errc::invalid_argument, MappedFile::open(folder_, Access::read));
  {
    const MappedFile made = test::value_of(MappedFile::create(at("file"), 20));
  }
  std::filesystem::create_symlink(at("file"), at("link"));
  EXPECT_ERRC(Errc::permission_denied, MappedFile::open(at("link")));
  EXPECT_ERRC(Errc::already_exists, MappedFile::create(at("link"), 20));
  EXPECT_ERRC(Errc::already_exists, MappedFile::create(at("file"), 20));
}

TEST_F(MappedFiles, of_another_user_are_refused) {
  {
    const MappedFile made = test::value_of(MappedFile::create(at("file"), 20, 0666));
  }
  // Only root can give a file away; an ordinary user finds root's instead.
  const bool given = ::chown(at("file").c_str(), 65534, static_cast<gid_t>(-1)) == 0 && ::geteuid() == 0;
  const auto opened = MappedFile::open(given ? at("file") : "/etc/passwd", Access::read);
  EXPECT_ERRC(Errc::permission_denied, opened);
  EXPECT_THAT(opened.error().message(), testing::HasSubstr("belongs to user"));
}

TEST_F(MappedFiles, are_removed_only_while_the_name_means_them) {
  MappedFile first = test::value_of(MappedFile::create(at("file"), 20));
  EXPECT_OK(first.remove());
  EXPECT_FALSE(std::filesystem::exists(at("file")));
  const MappedFile second = test::value_of(MappedFile::create(at("file"), 20));
  EXPECT_ERRC(Errc::not_found, first.remove());
  EXPECT_TRUE(std::filesystem::exists(at("file")));
  first.bytes()[0] = std::byte{1};
}

}  // namespace
}  // namespace tenon::os
