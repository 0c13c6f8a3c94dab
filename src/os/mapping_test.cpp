#include <tenon/os/mapping.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/wait.h>
#include <unistd.h>
#include <atomic>

#include <tenon/os/fd.hpp>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

const auto page = static_cast<std::size_t>(::sysconf(_SC_PAGESIZE));

Fd memory_of(std::size_t size) {
  Fd fd(::memfd_create("mapping_test", MFD_CLOEXEC));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
  return fd;
}

bool is_mapped(const void* address) {
  unsigned char resident = 0;
  return ::mincore(const_cast<void*>(address), 1, &resident) == 0;
}

TEST(Mapping, outlives_its_descriptor_and_ends_with_its_owner) {
  const std::byte* data = nullptr;
  {
    Mapping mapping = test::value_of(Mapping::map(memory_of(20).get(), 20, Access::read_write));
    const Mapping moved = std::move(mapping);
    EXPECT_FALSE(mapping);  // NOLINT(bugprone-use-after-move): that it is empty is the promise
    EXPECT_EQ(moved.size(), 20u);
    moved.bytes()[19] = std::byte{7};
    data = moved.view().data();
    EXPECT_TRUE(is_mapped(data));
  }
  EXPECT_FALSE(is_mapped(data));
}

TEST(Mapping, is_seen_by_another_mapping_and_by_another_process) {
  const Fd fd = memory_of(2 * page);
  const Mapping writer = test::value_of(Mapping::map(fd.get(), 2 * page, Access::read_write));
  const Mapping reader = test::value_of(Mapping::map(fd.get(), page, Access::read, page));
  const pid_t child = ::fork();
  if (child == 0) {
    writer.at<std::atomic<std::uint32_t>>(page + 8).store(42, std::memory_order_release);
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(reader.at<const std::atomic<std::uint32_t>>(8).load(std::memory_order_acquire), 42u);
}

TEST(Mapping, of_more_than_there_is_is_an_error_and_no_sigbus) {
  const Fd fd = memory_of(page);
  for (const auto& [length, offset] :
       {std::pair{page + 1, std::size_t{0}}, {std::size_t{1}, page}, {SIZE_MAX, page}}) {
    const auto mapping = Mapping::map(fd.get(), length, Access::read, offset);
    EXPECT_ERRC(Errc::invalid_argument, mapping);
    EXPECT_THAT(mapping.error().message(), testing::HasSubstr("has " + std::to_string(page) + " bytes"));
  }
}

TEST(Mapping, of_nothing_or_from_the_middle_of_a_page_is_explained) {
  const Fd fd = memory_of(2 * page);
  EXPECT_ERRC(Errc::invalid_argument, Mapping::map(fd.get(), 0, Access::read));
  const auto unaligned = Mapping::map(fd.get(), 1, Access::read, 100);
  EXPECT_ERRC(Errc::invalid_argument, unaligned);
  EXPECT_THAT(unaligned.error().message(), testing::HasSubstr(std::to_string(page)));
}

TEST(Mapping, never_gives_more_than_the_descriptor_may) {
  const Fd fd = memory_of(page);
  const Fd read_only(::open(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), O_RDONLY | O_CLOEXEC));
  EXPECT_ERRC(Errc::permission_denied, Mapping::map(read_only.get(), page, Access::read_write));
  EXPECT_OK(Mapping::map(read_only.get(), page, Access::read));
}

TEST(Mapping, of_what_cannot_be_mapped_is_unsupported) {
  int ends[2];
  ASSERT_EQ(::pipe2(ends, O_CLOEXEC), 0);
  const Fd read(ends[0]), write(ends[1]);
  EXPECT_ERRC(Errc::unsupported, Mapping::map(read.get(), page, Access::read));
}

TEST(Mapping, of_nothing_can_be_synced_and_dropped) {
  Mapping none;
  EXPECT_FALSE(none);
  EXPECT_OK(none.sync());
  EXPECT_OK(none.advise_huge_pages());
  none.reset();
  EXPECT_TRUE(none.view().empty());
}

TEST(Mapping, takes_a_hint_for_huge_pages_and_keeps_its_bytes) {
  const std::size_t size = 4u << 20;
  const Mapping mapping = test::value_of(Mapping::map(memory_of(size).get(), size, Access::read_write));
  mapping.bytes()[size - 1] = std::byte{1};
  const auto advised = mapping.advise_huge_pages();
  EXPECT_TRUE(advised || advised.error().code() == Errc::unsupported) << advised.error().message();
  EXPECT_EQ(mapping.view()[size - 1], std::byte{1});
  EXPECT_OK(mapping.sync());
}

}  // namespace
}  // namespace tenon::os
