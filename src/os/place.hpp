// Opening what stands at a path without being led astray: no symbolic link, the right kind, an owner one
// trusts, and no wait.
#pragma once

#include <sys/types.h>
#include <string>
#include <string_view>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/owned_name.hpp>

#include "os/claim.hpp"

namespace tenon::os {

/// open(2) with `flags` and O_NOFOLLOW, O_CLOEXEC, O_NONBLOCK, O_NOCTTY; then the object must be of `kind`
/// (S_IFIFO, S_IFREG) and its owner trusted. Errors name `operation` and `path`; system_errno() is ENXIO when
/// a FIFO has no reader.
Result<Fd> open_place(std::string_view operation, const std::string& path, int flags, mode_t kind,
                      Trust trust);

/// Gives the object behind `fd` exactly `mode`, which the umask would have narrowed. `fd` may be O_PATH.
Result<void> set_mode(int fd, unsigned mode, std::string_view operation, const std::string& path);

/// Gives the object behind `fd` (which may be O_PATH) to `group`; -1 leaves it.
Result<void> give_group(int fd, int group, const Claim& claim);

/// open(2) of the very object behind an O_PATH descriptor, close-on-exec and non-blocking; -1 and errno.
int reopen(int object, int flags) noexcept;

}  // namespace tenon::os
