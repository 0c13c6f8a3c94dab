#include "os/place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

std::string_view name_of(mode_t kind) noexcept {
  switch (kind & S_IFMT) {
    case S_IFIFO:
      return "a named pipe";
    case S_IFREG:
      return "a plain file";
    case S_IFDIR:
      return "a folder";
    case S_IFSOCK:
      return "a socket";
    case S_IFLNK:
      return "a symbolic link";
    default:
      return "a device";
  }
}

Error wrong_kind(std::string_view operation, const std::string& path, mode_t found, mode_t wanted) {
  std::string advice("it is ");
  advice.append(name_of(found)).append(", not ").append(name_of(wanted)).append(": choose another path");
  return {Errc::invalid_argument, operation, path, std::move(advice)};
}

Result<void> check(std::string_view operation, const std::string& path, const struct stat& found, mode_t kind,
                   Trust trust) {
  if ((found.st_mode & S_IFMT) != kind)
    return std::unexpected(wrong_kind(operation, path, found.st_mode, kind));
  if (trust == Trust::own_or_root && found.st_uid != ::geteuid() && found.st_uid != 0) {
    std::string advice =
        "it belongs to user " + std::to_string(found.st_uid) +
        ", who could stand in for the peer: allow any owner if that is meant, or choose another path";
    return std::unexpected(Error(Errc::permission_denied, operation, path, std::move(advice)));
  }
  return {};
}

}  // namespace

Result<Fd> open_place(std::string_view operation, const std::string& path, int flags, mode_t kind,
                      Trust trust) {
  constexpr int always = O_NOFOLLOW | O_CLOEXEC | O_NONBLOCK | O_NOCTTY;
  Fd fd(retry([&] { return ::open(path.c_str(), flags | always); }));
  struct stat found{};
  if (!fd) {
    const int cause = errno;
    // What is wrong with the object says more than what open(2) made of it, and a FIFO that must not be
    // trusted is not waited for.
    if (::lstat(path.c_str(), &found) == 0 && !S_ISLNK(found.st_mode))
      TRY(check(operation, path, found, kind, trust));
    return std::unexpected(Error::from_errno(operation, path, cause));
  }
  if (::fstat(fd.get(), &found) != 0) return std::unexpected(Error::from_errno(operation, path, errno));
  TRY(check(operation, path, found, kind, trust));
  return fd;
}

Result<void> set_mode(int fd, unsigned mode, std::string_view operation, const std::string& path) {
  const std::string itself = "/proc/self/fd/" + std::to_string(fd);  // fchmod(2) refuses O_PATH descriptors
  if (::chmod(itself.c_str(), mode & 07777U) == 0) return {};
  return std::unexpected(Error::from_errno(operation, path, errno));
}

}  // namespace tenon::os
