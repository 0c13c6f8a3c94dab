#include <tenon/os/owned_name.hpp>

#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>

namespace tenon::os {

OwnedName& OwnedName::operator=(OwnedName&& other) noexcept {
  if (this != &other) {
    (void)remove();
    path_ = std::move(other.path_);
    object_ = std::move(other.object_);
  }
  return *this;
}

Result<bool> OwnedName::remove() noexcept {
  const Fd object = std::move(object_);
  struct stat ours{};
  struct stat there{};
  if (!object || ::fstat(object.get(), &ours) != 0 || ::lstat(path_.c_str(), &there) != 0) return false;
  if (ours.st_dev != there.st_dev || ours.st_ino != there.st_ino) return false;
  if (::unlink(path_.c_str()) == 0) return true;
  if (errno == ENOENT) return false;
  return std::unexpected(Error::from_errno("remove", path_, errno));
}

}  // namespace tenon::os
