#include "os/place.hpp"

#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <charconv>

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

/// Where the kernel shows an open file as a file, proc_pid_fd(5).
class ItselfPath {
 public:
  explicit ItselfPath(int fd) noexcept {
    std::ranges::copy(folder, text_.begin());
    *std::to_chars(text_.data() + folder.size(), text_.data() + text_.size() - 1, fd).ptr = '\0';
  }
  const char* text() const noexcept { return text_.data(); }

 private:
  static constexpr std::string_view folder = "/proc/self/fd/";
  std::array<char, folder.size() + 12> text_{};
};

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
  // fchmod(2) refuses O_PATH descriptors
  if (::chmod(ItselfPath(fd).text(), mode & 07777U) == 0) return {};
  return std::unexpected(Error::from_errno(operation, path, errno));
}

Result<void> give_group(int fd, int group, const Claim& claim) {
  if (group < 0) return {};
  if (::fchownat(fd, "", static_cast<uid_t>(-1), static_cast<gid_t>(group), AT_EMPTY_PATH) == 0) return {};
  return std::unexpected(
      claim.failed("the owner of a file may give it only to a group that he is a member of: group " +
                   std::to_string(group)));
}

int reopen(int object, int flags) noexcept {
  const ItselfPath path(object);
  return retry([&] { return ::open(path.text(), flags | O_CLOEXEC | O_NONBLOCK | O_NOCTTY); });
}

}  // namespace tenon::os
