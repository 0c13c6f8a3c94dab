#include <tenon/os/memfd.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cstdio>
#include <fstream>
#include <sstream>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

constexpr Seals fixed_size = Seals::shrink | Seals::grow;

std::string proc_path(const Memfd& memory) {
  return "/proc/self/fd/" + std::to_string(memory.fd().get());
}

TEST(Memfd, is_allocated_owner_only_and_not_inherited) {
  const Memfd memory = test::value_of(Memfd::create("frames", 100'000));
  struct stat info{};
  ASSERT_EQ(::fstat(memory.fd().get(), &info), 0);
  EXPECT_EQ(info.st_size, 100'000);
  EXPECT_GE(info.st_blocks * 512, 100'000);
  EXPECT_EQ(info.st_mode & 0777, 0600u);
  EXPECT_NE(::fcntl(memory.fd().get(), F_GETFD) & FD_CLOEXEC, 0);
}

TEST(Memfd, that_cannot_fit_says_what_is_needed_and_what_is_free) {
  const auto memory = Memfd::create("frames", std::size_t{1} << 50);
  EXPECT_ERRC(Errc::resource_limit, memory);
  EXPECT_THAT(memory.error().message(),
              testing::AllOf(testing::HasSubstr("1125899906842624 bytes are needed"),
                             testing::HasSubstr("are free in")));
}

TEST(Memfd, without_bytes_or_with_an_endless_name_is_explained) {
  EXPECT_ERRC(Errc::invalid_argument, Memfd::create("frames", 0));
  EXPECT_OK(Memfd::create(std::string(249, 'n'), 1));
  EXPECT_ERRC(Errc::invalid_argument, Memfd::create(std::string(250, 'n'), 1));
}

/// Kilobytes of the mapping that are huge pages: proc_pid_smaps(5).
std::uint64_t huge_kilobytes(const Mapping& mapping) {
  std::ifstream maps("/proc/self/smaps");
  std::ostringstream begin;
  begin << std::hex << reinterpret_cast<std::uintptr_t>(mapping.view().data()) << '-';
  bool here = false;
  for (std::string line; std::getline(maps, line);) {
    if (line.starts_with(begin.str())) here = true;
    std::uint64_t kilobytes = 0;
    if (here && std::sscanf(line.c_str(), "ShmemPmdMapped: %lu", &kilobytes) == 1) return kilobytes;
  }
  return 0;
}

TEST(Memfd, consists_of_huge_pages_where_the_machine_gives_them) {
  constexpr std::size_t size = 8 << 20;
  const Memfd memory =
      test::value_of(Memfd::create("frames", size, Memfd::Sealing::allowed, Memfd::Pages::huge));
  struct stat info{};
  ASSERT_EQ(::fstat(memory.fd().get(), &info), 0);
  EXPECT_EQ(info.st_size, size);
  EXPECT_GE(info.st_blocks * 512, size);
  const Mapping mapping = test::value_of(memory.map(Access::read_write));
  for (std::size_t at = 0; at < size; at += 4096) mapping.bytes()[at] = std::byte{1};
  const auto allowed = Memfd::huge_pages_allowed();
  if (allowed) {
    EXPECT_EQ(huge_kilobytes(mapping), size / 1024);
  } else {
    EXPECT_EQ(huge_kilobytes(mapping), 0u);
    EXPECT_ERRC(Errc::unsupported, allowed);
    EXPECT_THAT(allowed.error().message(), testing::HasSubstr("transparent_hugepage/shmem_enabled"));
  }
}

TEST(Memfd, once_sealed_keeps_its_size) {
  Memfd memory = test::value_of(Memfd::create("frames", 4096));
  EXPECT_EQ(test::value_of(memory.seals()), Seals::none);
  EXPECT_OK(memory.seal(fixed_size));
  EXPECT_EQ(test::value_of(memory.seals()), fixed_size);
  EXPECT_EQ(::ftruncate(memory.fd().get(), 10), -1);
  EXPECT_EQ(::ftruncate(memory.fd().get(), 8192), -1);
  EXPECT_OK(memory.seal(Seals::seal));
  EXPECT_ERRC(Errc::permission_denied, memory.seal(Seals::write));
}

TEST(Memfd, sealed_against_future_writes_keeps_the_writer_that_there_is) {
  Memfd memory = test::value_of(Memfd::create("frames", 4096));
  const Mapping mine = test::value_of(memory.map(Access::read_write));
  EXPECT_OK(memory.seal(fixed_size | Seals::future_write));
  EXPECT_ERRC(Errc::permission_denied, memory.map(Access::read_write));
  const Mapping theirs = test::value_of(memory.map(Access::read));
  mine.bytes()[0] = std::byte{9};
  EXPECT_EQ(theirs.view()[0], std::byte{9});
  EXPECT_EQ(::fallocate(memory.fd().get(), FALLOC_FL_PUNCH_HOLE | FALLOC_FL_KEEP_SIZE, 0, 4096), -1);
  const Fd reopened(::open(proc_path(memory).c_str(), O_RDWR | O_CLOEXEC));
  EXPECT_EQ(::write(reopened.get(), "x", 1), -1);
  EXPECT_ERRC(Errc::permission_denied, Mapping::map(reopened.get(), 4096, Access::read_write));
}

TEST(Memfd, cannot_be_sealed_against_writing_while_it_is_mapped_writable) {
  Memfd memory = test::value_of(Memfd::create("frames", 4096));
  Mapping mapping = test::value_of(memory.map(Access::read_write));
  const auto sealed = memory.seal(Seals::write);
  EXPECT_ERRC(Errc::system_error, sealed);
  EXPECT_THAT(sealed.error().message(), testing::HasSubstr("writable mapping exists"));
  mapping.reset();
  EXPECT_OK(memory.seal(Seals::write));
}

TEST(Memfd, made_unsealable_stays_so) {
  Memfd memory = test::value_of(Memfd::create("frames", 4096, Memfd::Sealing::forbidden));
  EXPECT_EQ(test::value_of(memory.seals()), Seals::seal);
  EXPECT_ERRC(Errc::permission_denied, memory.seal(Seals::shrink));
}

TEST(Memfd, of_a_peer_is_taken_when_it_is_sealed_and_allocated) {
  Memfd made = test::value_of(Memfd::create("frames", 5000));
  EXPECT_OK(made.seal(fixed_size));
  const Memfd adopted = test::value_of(Memfd::adopt(made.release()));
  EXPECT_EQ(adopted.size(), 5000u);
}

TEST(Memfd, of_a_peer_is_refused_for_each_reason_and_closed) {
  const auto refused = [](Fd fd, const Memfd::Demands& demands, const char* reason) {
    const int raw = fd.get();
    const auto adopted = Memfd::adopt(std::move(fd), demands);
    EXPECT_ERRC(Errc::protocol_violation, adopted);
    EXPECT_THAT(adopted.error().message(), testing::HasSubstr(reason));
    EXPECT_EQ(::fcntl(raw, F_GETFD), -1);
  };
  const auto sealed = [] {
    Memfd memory = test::value_of(Memfd::create("frames", 4096));
    EXPECT_OK(memory.seal(fixed_size));
    return memory.release();
  };
  refused(Fd(), {}, "no descriptor");
  refused(Fd(::open("/proc/self/exe", O_RDONLY | O_CLOEXEC)), {}, "not of shared memory");
  refused(Fd(::open("/dev/null", O_RDWR | O_CLOEXEC)), {}, "not of shared memory");
  refused(test::value_of(Memfd::create("frames", 4096)).release(), {},
          "its seals are none, needed are shrink, grow");
  refused(sealed(), {.seals = fixed_size | Seals::future_write}, "needed are shrink, grow, future_write");
  refused(sealed(), {.max_size = 4095}, "expected are 1 to 4095");
  refused(sealed(), {.min_size = 4097}, "it has 4096 bytes");
  Fd sparse(::memfd_create("sparse", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  ASSERT_EQ(::ftruncate(sparse.get(), 1 << 20), 0);
  ASSERT_EQ(::fcntl(sparse.get(), F_ADD_SEALS, F_SEAL_SHRINK | F_SEAL_GROW), 0);
  refused(std::move(sparse), {}, "only 0 of its 1048576 bytes");
}

}  // namespace
}  // namespace tenon::os
