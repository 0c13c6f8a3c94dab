#include "os/file_io.hpp"

#include <fcntl.h>
#include <sys/resource.h>
#include <unistd.h>
#include <array>

#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/temporary_folder.hpp"

namespace tenon::os {
namespace {

using namespace test;

class FileIo : public testing::Test {
 protected:
  Fd open() const { return Fd(::open(path_.c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600)); }
  TemporaryFolder folder_;
  std::string path_ = folder_ / "x";
};

TEST_F(FileIo, writes_and_reads_at_a_place) {
  const Fd file = open();
  EXPECT_EQ(write_all_at(file.get(), bytes_of("world"), 6).count, 5u);
  const std::array<Slice, 2> parts{Slice{const_cast<std::byte*>(bytes_of("hel").data()), 3},
                                   Slice{const_cast<std::byte*>(bytes_of("lo ").data()), 3}};
  EXPECT_EQ(write_at(file.get(), parts, 0).count, 6u);
  std::array<std::byte, 20> buffer;
  EXPECT_EQ(read_all_at(file.get(), buffer, 0).count, 11u);
  EXPECT_EQ(text_of(ByteView(buffer).first(11)), "hello world");
  EXPECT_EQ(read_all_at(file.get(), buffer, 11).count, 0u);
  EXPECT_EQ(read_all_at(file.get(), buffer, UINT64_MAX).count, 0u);
  EXPECT_EQ(write_all_at(file.get(), bytes_of("x"), UINT64_MAX).error, EFBIG);
  EXPECT_EQ(cut(file.get(), 5), 0);
  EXPECT_EQ(size_of(file.get()), 5u);
  EXPECT_EQ(sync_data(file.get()), 0);
  EXPECT_TRUE(has_name(file.get()));
  ::unlink(path_.c_str());
  EXPECT_FALSE(has_name(file.get()));
}

TEST_F(FileIo, knows_the_limit_of_this_process) {
  EXPECT_GT(file_size_limit(), 1U << 20);
  ChildProcess child([] {
    const rlimit limit{4096, RLIM_INFINITY};
    ::setrlimit(RLIMIT_FSIZE, &limit);
    EXPECT_EQ(file_size_limit(), 4096u);
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
}

TEST_F(FileIo, locks_single_bytes_for_one_opening) {
  const Fd one = open();
  const Fd other = open();
  EXPECT_EQ(lock_byte(one.get(), 100), 0);
  EXPECT_EQ(lock_byte(one.get(), 100), 0) << "it is ours";
  EXPECT_EQ(lock_byte(other.get(), 100), EAGAIN);
  EXPECT_EQ(lock_byte(other.get(), 101), 0);
  EXPECT_TRUE(value_of(is_byte_locked(other.get(), 100)));
  EXPECT_FALSE(value_of(is_byte_locked(one.get(), 100))) << "our own does not count";
  unlock_byte(one.get(), 100);
  EXPECT_FALSE(value_of(is_byte_locked(other.get(), 100)));
}

TEST_F(FileIo, a_lock_ends_with_its_process) {
  const Fd file = open();
  ChildProcess child([&] {
    const Fd mine = open();
    EXPECT_EQ(lock_byte(mine.get(), 0), 0);
    return 0;
  });
  EXPECT_EQ(child.wait(), 0);
  EXPECT_FALSE(value_of(is_byte_locked(file.get(), 0)));
}

TEST_F(FileIo, a_watch_notices_what_is_written_until_it_is_drained) {
  const Fd file = open();
  const ChangeWatch watch = value_of(ChangeWatch::create());
  const int number = value_of(watch.add(file.get()));
  const auto readable = [&] { return wait_for(watch.fd(), Wait::readable, Deadline::now()).has_value(); };
  EXPECT_FALSE(readable());
  for (int i = 0; i < 3; ++i) {
    EXPECT_EQ(write_all_at(file.get(), bytes_of("x"), 0).error, 0);
    EXPECT_TRUE(readable());
    watch.drain();
    EXPECT_FALSE(readable());
  }
  {
    const Fd somebody = open();
  }
  EXPECT_TRUE(readable()) << "closed by somebody who could write";
  watch.drain();
  watch.remove(number);
  watch.drain();
  EXPECT_EQ(write_all_at(file.get(), bytes_of("x"), 0).error, 0);
  EXPECT_FALSE(readable());
}

}  // namespace
}  // namespace tenon::os
