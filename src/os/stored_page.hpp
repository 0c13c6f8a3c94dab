// The beginning of a file, written by stores instead of pwrite(2): only where nobody else can make a store fail. Not public.
#pragma once

#include <cstddef>
#include <optional>

#include <tenon/os/mapping.hpp>

namespace tenon::os {

/// Maps the first `size` bytes of an open file, less than a page, to be read and written. Empty where it had better
/// be written by pwrite(2): somebody besides our own user and root may write to it, and so cut it short (SIGBUS); its
/// file system may need new room for what is overwritten, and the disk may be full then (SIGBUS too; those that
/// need none are ext4 and tmpfs); or it cannot be mapped. Makes sure that all of it has its place on the disk.
///
/// inotify(7) does not tell of stores.
std::optional<Mapping> map_for_stores(int fd, std::size_t size);

}  // namespace tenon::os
