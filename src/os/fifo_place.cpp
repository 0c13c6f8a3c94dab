#include "os/fifo_place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <climits>
#include <cstdio>

#include "base/scope_exit.hpp"
#include "base/try.hpp"
#include "os/place.hpp"
#include "os/retry.hpp"
#include "os/unix_address.hpp"
#include "os/users.hpp"

namespace tenon::os {
namespace {

constexpr int open_object = O_PATH | O_NOFOLLOW | O_CLOEXEC;

Error in_use(const Claim& claim, std::optional<int> pid) {
  const std::string by = pid ? "process " + std::to_string(*pid) + " listens there"
                             : "a program has it open for reading (fuser tells which)";
  return claim.refuse(Errc::address_in_use, by + ": end it, or choose another place", EADDRINUSE);
}

}  // namespace

// ---- Opening

bool TrustedOwner::allows(unsigned owner) const noexcept {
  return anyone || owner == 0 || owner == ::geteuid() || owner == user;
}

Error not_trusted(const std::string& path, unsigned owner) {
  const std::string user = describe_user(owner);
  return {Errc::permission_denied, "connect", path,
          "it belongs to " + user + ": if you trust whoever that is, add owner=" +
              user.substr(0, user.find(' ')) + " to the address"};
}

Result<Fd> find_fifo(const std::string& place, const TrustedOwner& trusted) {
  Fd object(retry([&] { return ::open(place.c_str(), open_object); }));
  struct stat status{};
  if (!object && errno == ENOENT) {
    return std::unexpected(Error(Errc::no_one_there, "connect", place, "start the listener first", errno));
  }
  if (!object || ::fstat(object.get(), &status) != 0)
    return std::unexpected(Error::from_errno("connect", place, errno));
  if (S_ISLNK(status.st_mode)) {
    return std::unexpected(Error(Errc::permission_denied, "connect", place,
                                 "it is a symbolic link, which is never followed: name the real path"));
  }
  if (!S_ISFIFO(status.st_mode)) {
    return std::unexpected(
        Error(Errc::invalid_argument, "connect", place,
              "it is " + std::string(kind_of_file(status.st_mode)) + ", not a named pipe"));
  }
  if (!trusted.allows(status.st_uid)) return std::unexpected(not_trusted(place, status.st_uid));
  return object;
}

Fd open_fifo_end(int object, FifoAccess access) noexcept {
  const int flags = access == FifoAccess::read ? O_RDONLY : access == FifoAccess::write ? O_WRONLY : O_RDWR;
  return Fd(reopen(object, flags));
}

Result<Fd> open_door(const std::string& place, const TrustedOwner& trusted) {
  const Fd object = TRY(find_fifo(place, trusted));
  Fd door = open_fifo_end(object.get(), FifoAccess::write);
  if (door) return door;
  const int cause = errno;
  if (cause == ENXIO) {
    return std::unexpected(Error(Errc::no_one_there, "connect", place,
                                 "the named pipe has no reader: start the listener first", cause));
  }
  return std::unexpected(Error::from_errno(
      "connect", place, cause,
      cause == EACCES
          ? "connecting needs write permission on the named pipe: the listener's mode= and group= "
            "say who has it"
          : ""));
}

// ---- Taking a place

Result<std::unique_ptr<FifoPlace>> FifoPlace::take_plain(std::string_view place, const Options& options) {
  Claim opened = TRY(Claim::open("listen", "named pipe", place));
  std::unique_ptr<FifoPlace> taken(new FifoPlace(std::move(opened)));
  const Claim& claim = taken->claim_;
  TRY(claim.lock());
  const base::ScopeExit unlock([&claim] { claim.unlock(); });
  TRY(taken->look(false));
  if (!taken->object_) TRY(taken->make(claim.folder.get(), claim.name.c_str()));
  TRY(taken->equip(options.mode, options.group));
  return taken;
}

Result<std::unique_ptr<FifoPlace>> FifoPlace::take_door(std::string_view place, const Options& options) {
  Claim opened = TRY(Claim::open("listen", "named pipe", place));
  std::unique_ptr<FifoPlace> taken(new FifoPlace(std::move(opened)));
  const Claim& claim = taken->claim_;
  TRY(claim.lock());
  const base::ScopeExit unlock([&claim] { claim.unlock(); });
  TRY(taken->look(true));
  taken->folder_.emplace(TRY(FifoFolder::make(claim, options.mode, options.group)));
  TRY(taken->make(taken->folder_->fd(), FifoFolder::door_name));
  constexpr unsigned others_read = 0044;  // who reads the requests of others could answer in our place
  TRY(taken->equip(options.mode & ~others_read, options.group));
  taken->requests_ = open_fifo_end(taken->object(), FifoAccess::both);
  if (!taken->requests_) return std::unexpected(claim.failed());
  TRY(taken->publish());
  return taken;
}

/// What is at the place: nothing, or a pipe that nobody listens at, which is removed or kept. All else is an error.
Result<void> FifoPlace::look(bool replace) {
  const char* name = claim_.name.c_str();
  Fd there(retry([&] { return ::openat(claim_.folder.get(), name, open_object); }));
  if (!there && errno == ENOENT) return {};
  struct stat status{};
  if (!there || ::fstat(there.get(), &status) != 0) return std::unexpected(claim_.failed());
  if (S_ISLNK(status.st_mode)) {
    return std::unexpected(claim_.refuse(
        Errc::permission_denied, "a symbolic link stands there and is never followed: name the real path"));
  }
  if (!S_ISFIFO(status.st_mode)) {
    return std::unexpected(
        claim_.refuse(Errc::already_exists,
                      "it is " + std::string(kind_of_file(status.st_mode)) + ": choose another path"));
  }
  if (const auto holder = TRY(NameLock::holder(claim_, there.get())))
    return std::unexpected(in_use(claim_, holder->pid));
  if (status.st_uid != ::geteuid()) {
    return std::unexpected(
        claim_.refuse(Errc::permission_denied, "a named pipe of " + describe_user(status.st_uid) +
                                                   " is there: choose another path, or connect to it"));
  }
  if (!replace) {
    object_ = std::move(there);
    return {};
  }
  if (open_fifo_end(there.get(), FifoAccess::write)) return std::unexpected(in_use(claim_, std::nullopt));
  if (::unlinkat(claim_.folder.get(), name, 0) != 0 && errno != ENOENT)
    return std::unexpected(claim_.failed());
  return {};
}

Result<void> FifoPlace::make(int folder, const char* name) {
  if (::mkfifoat(folder, name, 0600) != 0) return std::unexpected(claim_.failed());
  object_ = Fd(retry([&] { return ::openat(folder, name, open_object); }));
  if (object_) return {};
  Error error = claim_.failed();
  ::unlinkat(folder, name, 0);
  return std::unexpected(std::move(error));
}

Result<void> FifoPlace::equip(unsigned mode, int group) {
  TRY(give_group(object_.get(), group, claim_));
  TRY(set_mode(object_.get(), mode, claim_.operation, claim_.place));
  lock_.emplace(TRY(NameLock::take(claim_, object_.get())));
  return {};
}

/// A name that another program made in the meantime is looked at again.
Result<void> FifoPlace::publish() {
  const int from = folder_->fd();
  const int to = claim_.folder.get();
  const char* name = claim_.name.c_str();
  constexpr int attempts = 4;
  for (int attempt = 1;; ++attempt) {
    int done = ::renameat2(from, FifoFolder::door_name, to, name, RENAME_NOREPLACE);
    if (done != 0 && (errno == EINVAL || errno == ENOSYS))  // not every file system can
      done = ::renameat(from, FifoFolder::door_name, to, name);
    if (done == 0) return {};
    if (errno != EEXIST || attempt == attempts) return std::unexpected(claim_.failed());
    TRY(look(true));
  }
}

// ---- Giving it back

bool FifoPlace::is_ours() const noexcept {
  struct stat ours{};
  struct stat there{};
  return object_ && ::fstat(object_.get(), &ours) == 0 &&
         ::fstatat(claim_.folder.get(), claim_.name.c_str(), &there, AT_SYMLINK_NOFOLLOW) == 0 &&
         ours.st_ino == there.st_ino && ours.st_dev == there.st_dev;
}

FifoPlace::~FifoPlace() {
  if (!object_ && !folder_) return;
  // Without the lock the folder stays: the next listener may be in it already.
  const bool locked = claim_.try_lock() == 0;
  if (is_ours()) ::unlinkat(claim_.folder.get(), claim_.name.c_str(), 0);
  if (folder_ && locked) folder_->remove(claim_);
  requests_.reset();
  lock_.reset();
  if (locked) claim_.unlock();
}

}  // namespace tenon::os
