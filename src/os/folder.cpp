#include "os/folder.hpp"

#include <dirent.h>
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <filesystem>
#include <memory>

#include "base/try.hpp"
#include "os/place.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

std::string from_the_root(const std::string& path) {
  std::error_code ignored;
  auto absolute = std::filesystem::absolute(path.empty() ? "." : path, ignored).string();
  while (absolute.size() > 1 && absolute.back() == '/') absolute.pop_back();  // which would follow a link
  return ignored ? path : absolute;
}

}  // namespace

Result<Ownership> ownership_of(int fd) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return std::unexpected(Error::from_errno("look at", "descriptor", errno));
  return Ownership{static_cast<int>(found.st_uid), static_cast<int>(found.st_gid), found.st_mode & 07777U};
}

Result<void> set_ownership_of(int fd, const Ownership& wanted, const std::string& path) {
  const Ownership now = TRY(ownership_of(fd));
  const int user = wanted.user == now.user ? -1 : wanted.user;
  const int group = wanted.group == now.group ? -1 : wanted.group;
  if (user < 0 && group < 0 && now.mode == wanted.mode) return {};
  if ((user >= 0 || group >= 0) && ::fchown(fd, static_cast<uid_t>(user), static_cast<gid_t>(group)) != 0) {
    return std::unexpected(Error::from_errno("set owner and group of", path, errno,
                                             "only root may give it to a user or group that it is not"));
  }
  return set_mode(fd, wanted.mode, "set mode of", path);
}

Error Folder::failed(std::string_view operation, const std::string& name, int cause) const {
  return Error::from_errno(operation, path_ + "/" + name, cause);
}

Result<Folder> Folder::open(const std::string& path) {
  std::string absolute = from_the_root(path);
  Fd fd = TRY(open_place("open folder", absolute, O_RDONLY, S_IFDIR, Trust::anyone));
  return Folder(std::move(absolute), std::move(fd));
}

Result<Folder> Folder::make(const std::string& path, unsigned mode) {
  std::string absolute = from_the_root(path);
  if (::mkdir(absolute.c_str(), 0700) != 0)
    return std::unexpected(Error::from_errno("make folder", absolute, errno));
  // The umask may have taken our own permissions too: then only a descriptor without any can be had at first.
  const Fd itself(
      retry([&] { return ::open(absolute.c_str(), O_PATH | O_DIRECTORY | O_NOFOLLOW | O_CLOEXEC); }));
  auto opened = itself ? set_mode(itself.get(), mode, "make folder", absolute)
                       : std::unexpected(Error::from_errno("make folder", absolute, errno));
  if (opened) {
    auto folder = open(absolute);
    if (folder) return folder;
    opened = std::unexpected(folder.error());
  }
  ::rmdir(absolute.c_str());
  return std::unexpected(opened.error());
}

Result<Ownership> Folder::ownership() const {
  return ownership_of(fd_.get());
}

Result<void> Folder::set_ownership(const Ownership& wanted) const {
  return set_ownership_of(fd_.get(), wanted, path_);
}

Result<Fd> Folder::open_file(const std::string& name) const {
  constexpr std::string_view operation = "open file";
  constexpr int flags = O_RDWR | O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  Fd fd(retry([&] { return ::openat(fd_.get(), name.c_str(), flags); }));
  if (!fd) return std::unexpected(failed(operation, name, errno));
  struct stat found{};
  if (::fstat(fd.get(), &found) != 0) return std::unexpected(failed(operation, name, errno));
  if (S_ISREG(found.st_mode)) return fd;
  return std::unexpected(Error(Errc::invalid_argument, operation, path_ + "/" + name,
                               "it is no plain file: somebody else put it there"));
}

Result<Fd> Folder::make_file(const std::string& name, const Ownership& wanted) const {
  constexpr int flags = O_RDWR | O_CREAT | O_EXCL | O_NOFOLLOW | O_CLOEXEC;
  Fd fd(retry([&] { return ::openat(fd_.get(), name.c_str(), flags, wanted.mode & 0700U); }));
  if (!fd) return std::unexpected(failed("make file", name, errno));
  if (auto set = set_ownership_of(fd.get(), wanted, path_ + "/" + name); !set) {
    remove_file(name);
    return std::unexpected(std::move(set).error());
  }
  return fd;
}

Result<std::vector<std::string>> Folder::names() const {
  Fd again(retry([&] { return ::openat(fd_.get(), ".", O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  if (!again) return std::unexpected(Error::from_errno("list", path_, errno));
  const std::unique_ptr<DIR, int (*)(DIR*)> stream(::fdopendir(again.get()), &::closedir);
  if (!stream) return std::unexpected(Error::from_errno("list", path_, errno));
  static_cast<void>(again.release());  // the stream's
  std::vector<std::string> found;
  while (const dirent* entry = ::readdir(stream.get())) {
    std::string name(entry->d_name);
    if (name != "." && name != "..") found.push_back(std::move(name));
  }
  return found;
}

void Folder::remove_file(const std::string& name) const noexcept {
  ::unlinkat(fd_.get(), name.c_str(), 0);
}

void Folder::remove() const noexcept {
  struct stat ours{};
  struct stat there{};
  if (::fstat(fd_.get(), &ours) != 0 || ::lstat(path_.c_str(), &there) != 0) return;
  if (ours.st_dev == there.st_dev && ours.st_ino == there.st_ino) ::rmdir(path_.c_str());
}

Result<void> Folder::sync() const {
  if (::fsync(fd_.get()) == 0) return {};
  return std::unexpected(Error::from_errno("sync folder", path_, errno));
}

Result<void> Folder::sync_name() const {
  const std::string above = std::filesystem::path(path_).parent_path();
  const Fd opened(retry([&] { return ::open(above.c_str(), O_RDONLY | O_DIRECTORY | O_CLOEXEC); }));
  // Who may not read it cannot sync it either; the folder is older than this process then.
  if (!opened && errno == EACCES) return {};
  if (opened && ::fsync(opened.get()) == 0) return {};
  return std::unexpected(Error::from_errno("sync folder", above, errno));
}

}  // namespace tenon::os
