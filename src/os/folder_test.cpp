#include "os/folder.hpp"

#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <filesystem>
#include <fstream>

#include "support/expect.hpp"
#include "support/temporary_folder.hpp"

namespace tenon::os {
namespace {

using namespace test;

class FolderTest : public testing::Test {
 protected:
  static unsigned mode_of(const std::string& path) {
    struct stat found{};
    EXPECT_EQ(::lstat(path.c_str(), &found), 0);
    return found.st_mode & 07777U;
  }
  TemporaryFolder above_;
  std::string path_ = above_ / "f";
};

TEST_F(FolderTest, is_made_with_its_mode_whatever_the_umask) {
  for (const mode_t mask : {0U, 077U, 0777U}) {
    const mode_t before = ::umask(mask);
    const auto folder = Folder::make(path_, 0750);
    const auto file = folder ? folder->make_file("x", {-1, -1, 0640}) : std::unexpected(folder.error());
    ::umask(before);
    ASSERT_OK(folder);
    ASSERT_OK(file);
    EXPECT_EQ(mode_of(path_), 0750U);
    EXPECT_EQ(mode_of(path_ + "/x"), 0640U);
    EXPECT_ERRC(Errc::already_exists, Folder::make(path_, 0700));
    folder->remove_file("x");
    folder->remove();
    EXPECT_TRUE(above_.empty());
  }
}

TEST_F(FolderTest, follows_no_link_and_takes_no_other_kind) {
  EXPECT_ERRC(Errc::not_found, Folder::open(path_));
  ASSERT_OK(Folder::make(path_, 0700));
  std::filesystem::create_symlink(path_, above_ / "link");
  EXPECT_ERRC(Errc::permission_denied, Folder::open(above_ / "link"));
  EXPECT_ERRC(Errc::permission_denied, Folder::open(above_ / "link/"));
  std::ofstream(above_ / "file") << "x";
  EXPECT_ERRC(Errc::invalid_argument, Folder::open(above_ / "file"));
  const Folder folder = value_of(Folder::open(path_ + "//"));
  EXPECT_EQ(folder.path(), path_);
  std::filesystem::create_symlink(above_ / "file", path_ + "/link");
  EXPECT_ERRC(Errc::permission_denied, folder.open_file("link"));
  EXPECT_ERRC(Errc::already_exists, folder.make_file("link", {-1, -1, 0600}));
  ASSERT_EQ(::mkfifo((path_ + "/fifo").c_str(), 0600), 0);
  EXPECT_ERRC(Errc::invalid_argument, folder.open_file("fifo"));  // and does not wait for its other end
}

TEST_F(FolderTest, stays_the_same_when_another_takes_its_path) {
  const Folder folder = value_of(Folder::make(path_, 0700));
  EXPECT_OK(folder.make_file("mine", {-1, -1, 0600}));
  std::filesystem::rename(path_, above_ / "moved");
  std::filesystem::create_directory(path_);
  EXPECT_OK(folder.open_file("mine"));
  EXPECT_EQ(value_of(folder.names()), std::vector<std::string>{"mine"});
  folder.remove();
  EXPECT_TRUE(std::filesystem::exists(path_)) << "somebody else's";
}

TEST_F(FolderTest, of_a_relative_path_is_removed_wherever_the_process_has_gone) {
  const std::string before = std::filesystem::current_path();
  std::filesystem::current_path(above_.path());
  const Folder folder = value_of(Folder::make("f", 0700));
  std::filesystem::current_path(before);
  folder.remove();
  EXPECT_TRUE(above_.empty());
}

TEST_F(FolderTest, gives_files_to_a_group_we_are_in) {
  const Folder folder = value_of(Folder::make(path_, 0700));
  const auto file = folder.make_file("x", {-1, static_cast<int>(::getegid()), 0660});
  ASSERT_OK(file);
  EXPECT_EQ(value_of(ownership_of(file->get())).group, static_cast<int>(::getegid()));
  if (::geteuid() != 0) {
    EXPECT_ERRC(Errc::permission_denied, folder.make_file("y", {0, -1, 0600}));
    EXPECT_EQ(value_of(folder.names()), std::vector<std::string>{"x"})
        << "what could not be given is not left";
  }
}

}  // namespace
}  // namespace tenon::os
