#include <tenon/os/mapped_file.hpp>

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include "base/scope_exit.hpp"
#include "base/try.hpp"
#include "os/reserve.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr std::string_view create_file = "create mapped file";
constexpr std::string_view open_file = "open mapped file";
constexpr std::string_view grow_file = "grow mapped file";

constexpr int safe_flags =
    O_CLOEXEC | O_NOFOLLOW | O_NOCTTY | O_NONBLOCK;  // a FIFO at the place must not hang us

std::string advice_for(int error, const char* if_missing) {
  switch (error) {
    case EEXIST:
      return "open it, or remove it first";
    case ENOENT:
      return if_missing;
    default:
      return "";
  }
}

Result<std::uint64_t> length_of(int fd, std::string_view operation, const std::string& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return std::unexpected(Error::from_errno(operation, path, errno));
  return static_cast<std::uint64_t>(info.st_size);
}

Result<void> check_trusted(int fd, const std::string& path) {
  struct stat info{};
  if (::fstat(fd, &info) != 0) return std::unexpected(Error::from_errno(open_file, path, errno));
  const auto refuse = [&](Errc code, std::string advice) -> Result<void> {
    return std::unexpected(Error(code, open_file, path, std::move(advice)));
  };
  if (!S_ISREG(info.st_mode)) return refuse(Errc::invalid_argument, "it is no regular file");
  if (info.st_uid != ::geteuid()) {
    return refuse(Errc::permission_denied,
                  "it belongs to user " + std::to_string(info.st_uid) +
                      ", who could cut it short under us: read it instead of mapping it");
  }
  if (info.st_size == 0) {
    return refuse(Errc::not_found,
                  "the file is empty, and nothing cannot be mapped: its creator may not be ready, try again");
  }
  return {};
}

}  // namespace

Result<MappedFile> MappedFile::create(std::string path, std::size_t size, unsigned mode) {
  if (size == 0)
    return std::unexpected(Error(Errc::invalid_argument, create_file, path, "ask for at least one byte"));
  Fd fd(retry([&] { return ::open(path.c_str(), safe_flags | O_RDWR | O_CREAT | O_EXCL, mode & 0600); }));
  if (!fd) {
    const int error = errno;
    return std::unexpected(
        Error::from_errno(create_file, std::move(path), error,
                          advice_for(error, "the folder does not exist: create it first")));
  }
  base::ScopeExit remove_file([&] { ::unlink(path.c_str()); });
  if (::fchmod(fd.get(), mode) != 0) return std::unexpected(Error::from_errno(create_file, path, errno));
  TRY(reserve(fd.get(), size, create_file, path));
  Mapping mapping = TRY(Mapping::map(fd.get(), size, Access::read_write));
  remove_file.dismiss();
  return MappedFile(std::move(path), std::move(fd), std::move(mapping));
}

Result<MappedFile> MappedFile::open(std::string path, Access access) {
  const int flags = safe_flags | (access == Access::read ? O_RDONLY : O_RDWR);
  Fd fd(retry([&] { return ::open(path.c_str(), flags); }));
  if (!fd) {
    const int error = errno;
    return std::unexpected(Error::from_errno(open_file, std::move(path), error,
                                             advice_for(error, "no such file: create it first")));
  }
  TRY(check_trusted(fd.get(), path));
  const std::uint64_t length = TRY(length_of(fd.get(), open_file, path));
  Mapping mapping = TRY(Mapping::map(fd.get(), length, access));
  return MappedFile(std::move(path), std::move(fd), std::move(mapping));
}

Result<void> MappedFile::grow(std::size_t size) {
  if (mapping_.access() == Access::read) {
    return std::unexpected(Error(Errc::permission_denied, grow_file, path_, "it was opened to be read only"));
  }
  if (size < mapping_.size()) {
    return std::unexpected(Error(Errc::invalid_argument, grow_file, path_,
                                 std::to_string(size) + " bytes are less than its " +
                                     std::to_string(mapping_.size()) +
                                     ": a shorter file would be SIGBUS for all who map it"));
  }
  TRY(reserve(fd_.get(), size, grow_file, path_));
  mapping_ = TRY(Mapping::map(fd_.get(), size, Access::read_write));
  return {};
}

Result<void> MappedFile::refresh() {
  const std::uint64_t length = TRY(length_of(fd_.get(), "refresh mapped file", path_));
  if (length == mapping_.size()) return {};
  if (length < mapping_.size()) {
    return std::unexpected(Error(Errc::protocol_violation, "refresh mapped file", path_,
                                 "somebody has cut it from " + std::to_string(mapping_.size()) + " to " +
                                     std::to_string(length) +
                                     " bytes: touching the rest is SIGBUS, so close it"));
  }
  mapping_ = TRY(Mapping::map(fd_.get(), length, mapping_.access()));
  return {};
}

Result<void> MappedFile::remove() {
  struct stat there{}, ours{};
  const bool ours_still = ::lstat(path_.c_str(), &there) == 0 && ::fstat(fd_.get(), &ours) == 0 &&
                          there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
  if (!ours_still) {
    return std::unexpected(
        Error(Errc::not_found, "remove mapped file", path_, "it was removed or replaced already"));
  }
  if (::unlink(path_.c_str()) == 0) return {};
  return std::unexpected(Error::from_errno("remove mapped file", path_, errno));
}

}  // namespace tenon::os
