#include "os/stored_page.hpp"

#include <fcntl.h>
#include <linux/magic.h>
#include <sys/stat.h>
#include <sys/statfs.h>
#include <unistd.h>

#include "os/retry.hpp"

namespace tenon::os {
namespace {

bool only_we_may_write(int fd) noexcept {
  constexpr mode_t others =
      S_IWGRP | S_IWOTH;  // of an access list, too: then the group's bits are its mask, acl(5)
  struct stat file{};
  return ::fstat(fd, &file) == 0 && (file.st_uid == ::geteuid() || file.st_uid == 0) &&
         (file.st_mode & others) == 0;
}

bool overwrites_in_place(int fd) noexcept {
  struct statfs system{};
  return ::fstatfs(fd, &system) == 0 && (system.f_type == EXT4_SUPER_MAGIC || system.f_type == TMPFS_MAGIC);
}

}  // namespace

std::optional<Mapping> map_for_stores(int fd, std::size_t size) {
  if (!only_we_may_write(fd) || !overwrites_in_place(fd)) return std::nullopt;
  if (retry([&] { return ::fallocate(fd, FALLOC_FL_KEEP_SIZE, 0, static_cast<off_t>(size)); }) != 0)
    return std::nullopt;
  auto mapping = Mapping::map(fd, size, Access::read_write);
  if (!mapping) return std::nullopt;
  return std::move(*mapping);
}

}  // namespace tenon::os
