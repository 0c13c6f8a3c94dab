#include "os/name_lock.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>

#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/temporary_folder.hpp"

namespace tenon::os {
namespace {

using namespace test;

class NameLocks : public testing::Test {
 protected:
  Claim claim() const { return value_of(Claim::open("test", "named pipe", folder_ / "p")); }
  Fd make_object(const std::string& name) const {
    return Fd(::open((folder_ / name).c_str(), O_RDWR | O_CREAT | O_CLOEXEC, 0600));
  }

  TemporaryFolder folder_;
};

TEST_F(NameLocks, are_seen_through_another_opening_with_the_holders_pid) {
  const Fd object = make_object("p");
  const Fd other = make_object("other");
  EXPECT_FALSE(value_of(NameLock::holder(claim(), object.get())));
  {
    const Claim ours = claim();
    const NameLock lock = value_of(NameLock::take(ours, object.get()));
    const auto holder = value_of(NameLock::holder(claim(), object.get()));
    ASSERT_TRUE(holder);
    EXPECT_EQ(holder->pid, ::getpid());
    EXPECT_FALSE(value_of(NameLock::holder(claim(), other.get())));
  }
  EXPECT_FALSE(value_of(NameLock::holder(claim(), object.get())));
}

TEST_F(NameLocks, end_with_their_holder) {
  const Fd object = make_object("p");
  ChildProcess child([&] {
    const Claim its = claim();
    const NameLock lock = value_of(NameLock::take(its, object.get()));
    return ::raise(SIGKILL);
  });
  EXPECT_EQ(child.wait(), -SIGKILL);
  EXPECT_FALSE(value_of(NameLock::holder(claim(), object.get())));
}

TEST_F(NameLocks, name_nobody_when_the_range_is_not_one_of_ours) {
  const Fd object = make_object("p");
  const Claim strange = claim();
  struct flock everything{};
  everything.l_type = F_RDLCK;
  everything.l_whence = SEEK_SET;
  ASSERT_EQ(::fcntl(strange.folder.get(), F_OFD_SETLK, &everything), 0);
  const auto holder = value_of(NameLock::holder(claim(), object.get()));
  ASSERT_TRUE(holder);
  EXPECT_FALSE(holder->pid);
}

}  // namespace
}  // namespace tenon::os
