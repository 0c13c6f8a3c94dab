#include "os/shared_file.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <cstdio>
#include <utility>

#include "base/try.hpp"
#include "os/place.hpp"
#include "os/retry.hpp"
#include "os/unix_address.hpp"

namespace tenon::os {
namespace {

constexpr int new_file_flags = O_RDWR | O_CLOEXEC | O_NOFOLLOW;

bool knows_no_unnamed_files(int cause) noexcept {
  return cause == EOPNOTSUPP || cause == EISDIR || cause == ENOENT;
}

}  // namespace

Result<Fd> find_file(const Claim& claim, const TrustedOwner& trusted) {
  const Fd object(retry(
      [&] { return ::openat(claim.folder.get(), claim.name.c_str(), O_PATH | O_NOFOLLOW | O_CLOEXEC); }));
  if (!object && errno == ENOENT) return Fd();
  struct stat found{};
  if (!object || ::fstat(object.get(), &found) != 0) return std::unexpected(claim.failed());
  if (S_ISLNK(found.st_mode)) {
    return std::unexpected(claim.refuse(
        Errc::permission_denied, "a symbolic link stands there and is never followed: name the real path"));
  }
  if (!S_ISREG(found.st_mode)) {
    return std::unexpected(claim.refuse(
        Errc::invalid_argument,
        "it is " + std::string(kind_of_file(found.st_mode)) + ", not a regular file: choose another path"));
  }
  if (!trusted.allows(found.st_uid)) return std::unexpected(not_trusted(claim.place, found.st_uid));
  Fd file(reopen(object.get(), O_RDWR));
  if (file) return file;
  return std::unexpected(
      claim.failed(errno == EACCES ? "it needs permission to read and to write: mode= and group= of the "
                                     "listener's address say who has it"
                                   : ""));
}

void remove_name(const Claim& claim, int fd) noexcept {
  struct stat ours{};
  struct stat there{};
  const char* name = claim.name.c_str();
  if (::fstat(fd, &ours) != 0 || ::fstatat(claim.folder.get(), name, &there, AT_SYMLINK_NOFOLLOW) != 0)
    return;
  if (ours.st_dev == there.st_dev && ours.st_ino == there.st_ino) ::unlinkat(claim.folder.get(), name, 0);
}

Result<NewFile> NewFile::create(const Claim& claim) {
  const int folder = claim.folder.get();
  Fd unnamed(retry([&] { return ::openat(folder, ".", O_TMPFILE | O_RDWR | O_CLOEXEC, 0600); }));
  if (unnamed) return NewFile(claim, std::move(unnamed), {});
  if (!knows_no_unnamed_files(errno)) return std::unexpected(claim.failed());
  std::string name = ".tenon-new-" + std::to_string(::getpid());
  ::unlinkat(folder, name.c_str(), 0);  // of one that was killed and had our number
  Fd named(retry([&] { return ::openat(folder, name.c_str(), new_file_flags | O_CREAT | O_EXCL, 0600); }));
  if (!named) return std::unexpected(claim.failed());
  return NewFile(claim, std::move(named), std::move(name));
}

NewFile::~NewFile() {
  if (!name_.empty()) ::unlinkat(claim_->folder.get(), name_.c_str(), 0);
}

Result<bool> NewFile::publish() {
  const int folder = claim_->folder.get();
  const char* name = claim_->name.c_str();
  int done = 0;
  if (name_.empty()) {
    char itself[32];
    std::snprintf(itself, sizeof itself, "/proc/self/fd/%d", fd_.get());
    done = ::linkat(AT_FDCWD, itself, folder, name, AT_SYMLINK_FOLLOW);
  } else {
    done = ::renameat2(folder, name_.c_str(), folder, name, RENAME_NOREPLACE);
    if (done != 0 && (errno == EINVAL || errno == ENOSYS))  // not every file system can
      done = ::renameat(folder, name_.c_str(), folder, name);
  }
  if (done != 0 && errno == EEXIST) return false;
  if (done != 0) return std::unexpected(claim_->failed());
  name_.clear();
  return true;
}

}  // namespace tenon::os
