#include "os/stored_page.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstring>

#include <tenon/os/fd.hpp>

#include "os/file_io.hpp"
#include "support/expect.hpp"
#include "support/faults.hpp"
#include "support/temporary_folder.hpp"

namespace tenon::os {
namespace {

using namespace test;

class StoredPage : public testing::Test {
 protected:
  static constexpr std::size_t size = 240;
  Fd file() const {
    Fd made(::open((folder_ / "x").c_str(), O_RDWR | O_CREAT | O_TRUNC | O_CLOEXEC, 0600));
    EXPECT_EQ(::fchmod(made.get(), 0600), 0);
    EXPECT_EQ(::ftruncate(made.get(), size), 0);
    return made;
  }
  TemporaryFolder folder_;
};

TEST_F(StoredPage, shows_its_stores_to_who_reads_the_file_and_is_whole_on_the_disk_before) {
  const Fd made = file();
  const auto page = map_for_stores(made.get(), size);
  ASSERT_TRUE(page) << "is the folder for temporary files on ext4 or tmpfs?";
  struct stat found{};
  ASSERT_EQ(::fstat(made.get(), &found), 0);
  EXPECT_GT(found.st_blocks, 0) << "a hole: a full disk would be SIGBUS";
  std::memcpy(page->bytes().data() + 10, "here", 4);
  std::array<std::byte, 4> read;
  EXPECT_EQ(read_all_at(made.get(), read, 10).count, 4u);
  EXPECT_EQ(text_of(read), "here");
  EXPECT_EQ(write_all_at(made.get(), bytes_of("gone"), 10).error, 0);
  EXPECT_EQ(text_of(ByteView(page->view()).subspan(10, 4)), "gone");
}

TEST_F(StoredPage, is_not_mapped_where_somebody_else_could_cut_it) {
  const Fd made = file();
  for (const unsigned mode : {0620U, 0602U, 0666U}) {
    ASSERT_EQ(::fchmod(made.get(), mode), 0);
    EXPECT_FALSE(map_for_stores(made.get(), size)) << std::oct << mode;
  }
  ASSERT_EQ(::fchmod(made.get(), 0644), 0);
  EXPECT_TRUE(map_for_stores(made.get(), size));
  if (::geteuid() == 0) {
    ASSERT_EQ(::fchown(made.get(), 65534, static_cast<gid_t>(-1)), 0);
    EXPECT_FALSE(map_for_stores(made.get(), size)) << "it belongs to somebody else";
  }
}

TEST_F(StoredPage, is_not_mapped_where_a_store_might_need_room) {
  const Fd kernel(::open("/proc/self/comm", O_RDWR | O_CLOEXEC));
  EXPECT_FALSE(map_for_stores(kernel.get(), size));
  const Fd made = file();
  EXPECT_FALSE(map_for_stores(made.get(), size + 1)) << "is not that long";
  for (int call = 1; call <= 3; ++call) {  // fstatfs, fallocate, mmap
    const Faults fault = Faults::in_call(call, ENOSPC);
    EXPECT_FALSE(map_for_stores(made.get(), size)) << call;
  }
}

}  // namespace
}  // namespace tenon::os
