#include <tenon/os/sysv_key.hpp>

#include <sys/ipc.h>
#include <cerrno>
#include <cstdio>

namespace tenon::os {

static_assert(IPC_PRIVATE == 0);

Result<SysvKey> SysvKey::from_path(std::string path, int project) {
  if (project < 1 || project > 255) {
    return std::unexpected(Error(Errc::invalid_argument, "make key from",
                                 path + " and project " + std::to_string(project),
                                 "choose a project from 1 to 255: ftok(3) uses only its low eight bits"));
  }
  const key_t key = ::ftok(path.c_str(), project);
  if (key != -1) return SysvKey(key);
  const int error = errno;
  return std::unexpected(Error::from_errno("make key from", std::move(path), error,
                                           error == ENOENT
                                               ? "the key is computed from an existing file: create it first "
                                                 "(touch), and keep it while the key is used"
                                               : ""));
}

std::string SysvKey::to_string() const {
  if (is_private()) return "private";
  char text[16];
  std::snprintf(text, sizeof text, "0x%08x", static_cast<unsigned>(value_));
  return text;
}

}  // namespace tenon::os
