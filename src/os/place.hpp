// Opening what stands at a path without being led astray: no symbolic link, the right kind, an owner one
// trusts, and no wait.
#pragma once

#include <sys/types.h>
#include <string>
#include <string_view>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/owned_name.hpp>

namespace tenon::os {

/// open(2) with `flags` and O_NOFOLLOW, O_CLOEXEC, O_NONBLOCK, O_NOCTTY; then the object must be of `kind`
/// (S_IFIFO, S_IFREG) and its owner trusted. Errors name `operation` and `path`; system_errno() is ENXIO when
/// a FIFO has no reader.
Result<Fd> open_place(std::string_view operation, const std::string& path, int flags, mode_t kind,
                      Trust trust);

/// Gives the object behind `fd` exactly `mode`, which the umask would have narrowed. `fd` may be O_PATH.
Result<void> set_mode(int fd, unsigned mode, std::string_view operation, const std::string& path);

}  // namespace tenon::os
