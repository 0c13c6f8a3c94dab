#include <tenon/os/posix_memory.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

std::string own_name(const char* what) {
  return "/tenon-posix-memory-" + std::to_string(::getpid()) + "-" + what;
}
bool exists(const std::string& name) {
  return ::access(("/dev/shm" + name).c_str(), F_OK) == 0;
}

TEST(PosixMemory, is_allocated_and_has_the_mode_whatever_the_umask) {
  for (const unsigned mode : {0600u, 0666u, 0640u, 0u}) {
    for (const mode_t mask : {mode_t{0}, mode_t{0777}}) {
      const mode_t before = ::umask(mask);
      const auto memory = PosixMemory::create(own_name("mode"), 100'000, mode);
      ::umask(before);
      ASSERT_OK(memory);
      struct stat info{};
      ASSERT_EQ(::fstat(memory->fd().get(), &info), 0);
      EXPECT_EQ(info.st_mode & 0777, mode);
      EXPECT_EQ(info.st_size, 100'000);
      EXPECT_GE(info.st_blocks * 512, 100'000);
    }
  }
}

TEST(PosixMemory, is_shared_by_all_who_open_its_name) {
  const PosixMemory made = test::value_of(PosixMemory::create(own_name("shared"), 20));
  const pid_t child = ::fork();
  if (child == 0) {
    const auto opened = PosixMemory::open(made.name());
    const auto mapping = opened ? opened->map() : std::unexpected(opened.error());
    if (!mapping || mapping->size() != 20) ::_exit(1);
    mapping->bytes()[19] = std::byte{5};
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(test::value_of(made.map(Access::read)).view()[19], std::byte{5});
}

TEST(PosixMemory, removes_its_name_and_keeps_its_mappings) {
  Mapping mapping;
  {
    const PosixMemory made = test::value_of(PosixMemory::create(own_name("gone"), 20));
    mapping = test::value_of(made.map());
    const PosixMemory opened = test::value_of(PosixMemory::open(made.name()));
    EXPECT_TRUE(exists(own_name("gone")));
  }
  EXPECT_FALSE(exists(own_name("gone")));
  mapping.bytes()[0] = std::byte{1};
}

TEST(PosixMemory, opened_by_someone_leaves_the_name_to_its_creator) {
  const PosixMemory made = test::value_of(PosixMemory::create(own_name("stays"), 20));
  {
    const PosixMemory opened = test::value_of(PosixMemory::open(made.name()));
  }
  EXPECT_TRUE(exists(made.name()));
}

TEST(PosixMemory, never_removes_a_name_that_means_other_memory_by_now) {
  const std::string name = own_name("other");
  {
    const PosixMemory first = test::value_of(PosixMemory::create(name, 20));
    EXPECT_OK(PosixMemory::remove(name));
    PosixMemory second = test::value_of(PosixMemory::create(name, 20));
    second.keep_name();
  }
  EXPECT_TRUE(exists(name));
  EXPECT_OK(PosixMemory::remove(name));
  EXPECT_ERRC(Errc::not_found, PosixMemory::remove(name));
}

TEST(PosixMemory, of_a_taken_name_is_refused_and_the_holder_keeps_it) {
  const PosixMemory made = test::value_of(PosixMemory::create(own_name("taken"), 20));
  EXPECT_ERRC(Errc::already_exists, PosixMemory::create(made.name(), 20));
  EXPECT_TRUE(exists(made.name()));
}

TEST(PosixMemory, that_cannot_fit_says_so_and_leaves_no_name) {
  const auto memory = PosixMemory::create(own_name("large"), std::size_t{1} << 50);
  EXPECT_ERRC(Errc::resource_limit, memory);
  EXPECT_THAT(memory.error().message(), testing::HasSubstr("1125899906842624 bytes are needed"));
  EXPECT_FALSE(exists(own_name("large")));
}

TEST(PosixMemory, names_that_make_no_sense_are_explained) {
  const std::string with_zero = std::string("/a") + '\0';
  for (const auto& name : {std::string(), std::string("frames"), std::string("/"), std::string("/a/b"),
                           std::string("/.."), "/" + std::string(255, 'n'), with_zero}) {
    SCOPED_TRACE(name);
    EXPECT_ERRC(Errc::invalid_argument, PosixMemory::create(name, 20));
    EXPECT_ERRC(Errc::invalid_argument, PosixMemory::open(name));
    EXPECT_ERRC(Errc::invalid_argument, PosixMemory::remove(name));
  }
  EXPECT_ERRC(Errc::invalid_argument, PosixMemory::create(own_name("empty"), 0));
  EXPECT_OK(PosixMemory::create(own_name("long-") + std::string(255 - own_name("long-").size(), 'n'), 20));
}

TEST(PosixMemory, that_is_missing_or_unfinished_is_not_found) {
  EXPECT_ERRC(Errc::not_found, PosixMemory::open(own_name("missing")));
  const Fd unfinished(::shm_open(own_name("unfinished").c_str(), O_RDWR | O_CREAT | O_EXCL, 0600));
  const auto opened = PosixMemory::open(own_name("unfinished"));
  ::shm_unlink(own_name("unfinished").c_str());
  EXPECT_ERRC(Errc::not_found, opened);
  EXPECT_THAT(opened.error().message(), testing::HasSubstr("try again"));
}

TEST(PosixMemory, behind_a_symbolic_link_is_refused) {
  const PosixMemory made = test::value_of(PosixMemory::create(own_name("real"), 20));
  const std::string link = own_name("link");
  ASSERT_EQ(::symlink(("/dev/shm" + made.name()).c_str(), ("/dev/shm" + link).c_str()), 0);
  const auto opened = PosixMemory::open(link);
  const auto created = PosixMemory::create(link, 20);
  ::unlink(("/dev/shm" + link).c_str());
  EXPECT_ERRC(Errc::permission_denied, opened);
  EXPECT_ERRC(Errc::already_exists, created);
}

TEST(PosixMemory, opened_to_read_cannot_be_written) {
  const PosixMemory made = test::value_of(PosixMemory::create(own_name("read"), 20));
  const PosixMemory opened = test::value_of(PosixMemory::open(made.name(), Access::read));
  EXPECT_ERRC(Errc::permission_denied, opened.map(Access::read_write));
  EXPECT_OK(opened.map(Access::read));
}

// Only root can give an object away; for an ordinary user the same call shows that its own is accepted.
TEST(PosixMemory, of_another_user_is_refused_unless_anyone_is_trusted) {
  const PosixMemory made = test::value_of(PosixMemory::create(own_name("owner"), 20, 0666));
  if (::fchown(made.fd().get(), ::geteuid() == 0 ? 65534 : 0, static_cast<gid_t>(-1)) != 0) {
    EXPECT_NE(::geteuid(), 0u);
    EXPECT_OK(PosixMemory::open(made.name()));
    return;
  }
  const auto refused = PosixMemory::open(made.name());
  EXPECT_ERRC(Errc::permission_denied, refused);
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("belongs to user 65534"));
  EXPECT_OK(PosixMemory::open(made.name(), Access::read_write, Trust::anyone));
}

}  // namespace
}  // namespace tenon::os
