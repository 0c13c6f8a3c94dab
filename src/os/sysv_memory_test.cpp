#include <tenon/os/sysv_memory.hpp>

#include <sys/ipc.h>
#include <sys/shm.h>
#include <sys/wait.h>
#include <unistd.h>
#include <limits>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

/// No other test process has it: pids are unique, and the low byte tells the tests of one process apart.
SysvKey own_key(int number) {
  return SysvKey::from_value((::getpid() << 8) | number);
}

/// Whether the system still knows the id.
bool exists(int id) {
  shmid_ds info{};
  return ::shmctl(id, IPC_STAT, &info) == 0;
}

TEST(SysvMemory, is_shared_by_all_who_know_its_key) {
  const SysvKey key = own_key(1);
  const SysvMemory made = test::value_of(SysvMemory::create(key, 20));
  const Mapping mine = test::value_of(made.attach());
  EXPECT_EQ(mine.size(), 20u);
  const pid_t child = ::fork();
  if (child == 0) {
    const auto opened = SysvMemory::open(key);
    const auto mapping = opened ? opened->attach() : std::unexpected(opened.error());
    if (!mapping || mapping->size() != 20) ::_exit(1);
    mapping->bytes()[19] = std::byte{5};
    ::_exit(0);
  }
  int status = -1;
  ASSERT_EQ(::waitpid(child, &status, 0), child);
  EXPECT_EQ(status, 0);
  EXPECT_EQ(mine.view()[19], std::byte{5});
}

TEST(SysvMemory, tells_who_made_it_and_how_often_it_is_attached) {
  const SysvMemory made = test::value_of(SysvMemory::create(own_key(2), 20, 0640));
  EXPECT_EQ(test::value_of(made.status()).last_pid, 0);
  const Mapping first = test::value_of(made.attach());
  const Mapping second = test::value_of(made.attach(Access::read));
  const SysvMemoryStatus status = test::value_of(made.status());
  EXPECT_EQ(status.size, 20u);
  EXPECT_EQ(status.mode, 0640u);
  EXPECT_EQ(status.creator_uid, ::geteuid());
  EXPECT_EQ(status.owner_uid, ::geteuid());
  EXPECT_EQ(status.creator_pid, ::getpid());
  EXPECT_EQ(status.last_pid, ::getpid());
  EXPECT_EQ(status.attached, 2u);
  EXPECT_FALSE(status.removed);
}

TEST(SysvMemory, goes_with_its_creator_and_stays_for_those_who_have_it_attached) {
  Mapping mapping;
  int id = -1;
  {
    SysvMemory made = test::value_of(SysvMemory::create(SysvKey::make_private(), 20));
    const SysvMemory moved = std::move(made);
    id = moved.id();
    mapping = test::value_of(moved.attach());
  }
  mapping.bytes()[0] = std::byte{1};
  EXPECT_TRUE(exists(id));
  mapping.reset();
  EXPECT_FALSE(exists(id));
}

TEST(SysvMemory, opened_by_someone_is_left_to_its_creator) {
  const SysvMemory made = test::value_of(SysvMemory::create(own_key(3), 20));
  {
    const SysvMemory opened = test::value_of(SysvMemory::open(own_key(3)));
  }
  EXPECT_OK(SysvMemory::open(own_key(3)));
}

TEST(SysvMemory, can_be_kept_and_removed_by_someone_else) {
  int id = -1;
  {
    SysvMemory made = test::value_of(SysvMemory::create(own_key(4), 20));
    made.keep();
    id = made.id();
  }
  SysvMemory opened = test::value_of(SysvMemory::open(own_key(4)));
  EXPECT_OK(opened.remove());
  EXPECT_FALSE(exists(id));
  EXPECT_ERRC(Errc::not_found, opened.remove());
  EXPECT_ERRC(Errc::not_found, opened.attach());
  EXPECT_ERRC(Errc::not_found, opened.status());
}

TEST(SysvMemory, of_a_taken_key_names_who_made_it) {
  const SysvMemory made = test::value_of(SysvMemory::create(own_key(5), 20));
  const auto again = SysvMemory::create(own_key(5), 20);
  EXPECT_ERRC(Errc::already_exists, again);
  EXPECT_THAT(again.error().message(),
              testing::AllOf(testing::HasSubstr("process " + std::to_string(::getpid())),
                             testing::HasSubstr("ipcrm -m " + std::to_string(made.id()))));
}

TEST(SysvMemory, that_nobody_made_is_not_found) {
  const auto opened = SysvMemory::open(own_key(6));
  EXPECT_ERRC(Errc::not_found, opened);
  EXPECT_THAT(opened.error().message(), testing::HasSubstr(own_key(6).to_string()));
  EXPECT_ERRC(Errc::not_found, SysvMemory::open_id(std::numeric_limits<int>::max()));
}

TEST(SysvMemory, of_a_private_key_is_found_by_its_id_only) {
  const SysvMemory made = test::value_of(SysvMemory::create(SysvKey::make_private(), 20));
  EXPECT_ERRC(Errc::invalid_argument, SysvMemory::open(SysvKey::make_private()));
  EXPECT_EQ(test::value_of(SysvMemory::open_id(made.id())).size(), 20u);
}

TEST(SysvMemory, of_an_impossible_size_names_the_limit) {
  for (const std::size_t size : {std::size_t{0}, std::numeric_limits<std::size_t>::max()}) {
    const auto made = SysvMemory::create(own_key(7), size);
    EXPECT_ERRC(Errc::invalid_argument, made);
    EXPECT_THAT(made.error().message(), testing::HasSubstr("kernel.shmmax"));
  }
  const auto made = SysvMemory::create(own_key(7), std::size_t{1} << 60);
  EXPECT_ERRC(Errc::resource_limit, made);
}

TEST(SysvMemory, of_another_user_is_refused_unless_anyone_is_trusted) {
  const SysvMemory made = test::value_of(SysvMemory::create(own_key(8), 20, 0666));
  shmid_ds info{};
  ASSERT_EQ(::shmctl(made.id(), IPC_STAT, &info), 0);
  info.shm_perm.uid = ::geteuid() + 1;  // a creator may give its segment away, whoever it is
  ASSERT_EQ(::shmctl(made.id(), IPC_SET, &info), 0);
  EXPECT_OK(SysvMemory::open(own_key(8), Trust::anyone));
  EXPECT_ERRC(Errc::permission_denied, SysvMemory::open(own_key(8)));
}

}  // namespace
}  // namespace tenon::os
