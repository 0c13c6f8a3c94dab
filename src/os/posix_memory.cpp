#include <tenon/os/posix_memory.hpp>

#include <fcntl.h>
#include <sys/mman.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

#include "base/scope_exit.hpp"
#include "base/try.hpp"
#include "os/reserve.hpp"

namespace tenon::os {
namespace {

constexpr std::string_view create_memory = "create POSIX memory";
constexpr std::string_view open_memory = "open POSIX memory";
constexpr std::string_view remove_memory = "remove POSIX memory";

Result<void> check_name(const std::string& name, std::string_view operation) {
  const auto refuse = [&](const char* advice) -> Result<void> {
    return std::unexpected(Error(Errc::invalid_argument, operation, name, advice));
  };
  if (name.empty() || name.front() != '/') return refuse("the name must begin with a slash, as in /frames");
  if (name.find('/', 1) != std::string::npos)
    return refuse("the name may have no slash but the first: there are no folders");
  if (name == "/" || name == "/." || name == "/..")
    return refuse("the name needs characters of its own after the slash");
  if (name.size() > 255) return refuse("the name has more than 255 bytes");
  if (name.find('\0') != std::string::npos) return refuse("the name contains a zero byte");
  return {};
}

/// Asked of the path, not by opening: that needs no permission and no free descriptor. shm_overview(7) for
/// the place.
bool still_names(const std::string& name, int fd) noexcept {
  struct stat there{}, ours{};
  return ::lstat(("/dev/shm" + name).c_str(), &there) == 0 && ::fstat(fd, &ours) == 0 &&
         there.st_dev == ours.st_dev && there.st_ino == ours.st_ino;
}

std::string advice_for(int error) {
  switch (error) {
    case EEXIST:
      return "it is in use, or was left behind by a process that was killed: then remove it (rm in /dev/shm)";
    case ENOENT:
      return "nobody has created it: start the process that does first; ls /dev/shm shows what there is";
    default:
      return "";
  }
}

}  // namespace

Result<PosixMemory> PosixMemory::create(std::string name, std::size_t size, unsigned mode) {
  TRY(check_name(name, create_memory));
  if (size == 0)
    return std::unexpected(Error(Errc::invalid_argument, create_memory, name, "ask for at least one byte"));
  Fd fd(::shm_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL, mode & 0600));
  if (!fd) {
    const int error = errno;
    return std::unexpected(Error::from_errno(create_memory, std::move(name), error, advice_for(error)));
  }
  base::ScopeExit remove_name([&] { ::shm_unlink(name.c_str()); });
  if (::fchmod(fd.get(), mode) != 0) return std::unexpected(Error::from_errno(create_memory, name, errno));
  TRY(reserve(fd.get(), size, create_memory, name));
  remove_name.dismiss();
  return PosixMemory(std::move(name), std::move(fd), size, true);
}

Result<PosixMemory> PosixMemory::open(std::string name, Access access, Trust trust) {
  TRY(check_name(name, open_memory));
  const int flags =
      (access == Access::read ? O_RDONLY : O_RDWR) | O_NONBLOCK;  // a FIFO in /dev/shm must not hang us
  Fd fd(::shm_open(name.c_str(), flags, 0));
  if (!fd) {
    const int error = errno;
    return std::unexpected(Error::from_errno(open_memory, std::move(name), error, advice_for(error)));
  }
  struct stat info{};
  if (::fstat(fd.get(), &info) != 0) return std::unexpected(Error::from_errno(open_memory, name, errno));
  if (!S_ISREG(info.st_mode)) {
    return std::unexpected(
        Error(Errc::invalid_argument, open_memory, std::move(name), "it is no shared memory"));
  }
  if (trust == Trust::own_or_root && info.st_uid != ::geteuid() && info.st_uid != 0) {
    return std::unexpected(
        Error(Errc::permission_denied, open_memory, std::move(name),
              "it belongs to user " + std::to_string(info.st_uid) +
                  ", who could cut it short under us: open it with Trust::anyone if you trust them"));
  }
  if (info.st_size == 0) {
    return std::unexpected(
        Error(Errc::not_found, open_memory, std::move(name),
              "it has no bytes yet: its creator is at work, try again (or was killed: remove it)"));
  }
  return PosixMemory(std::move(name), std::move(fd), static_cast<std::size_t>(info.st_size), false);
}

Result<void> PosixMemory::remove(const std::string& name) {
  TRY(check_name(name, remove_memory));
  if (::shm_unlink(name.c_str()) == 0) return {};
  return std::unexpected(Error::from_errno(remove_memory, name, errno));
}

PosixMemory& PosixMemory::operator=(PosixMemory&& other) noexcept {
  if (this == &other) return *this;
  unlink();
  name_ = std::move(other.name_);
  fd_ = std::move(other.fd_);
  size_ = other.size_;
  owns_name_ = other.owns_name_;
  return *this;
}

void PosixMemory::unlink() noexcept {
  if (!fd_ || !std::exchange(owns_name_, false)) return;
  const int saved_errno = errno;
  if (still_names(name_, fd_.get())) ::shm_unlink(name_.c_str());
  errno = saved_errno;
}

}  // namespace tenon::os
