#include "os/file_io.hpp"

#include <fcntl.h>
#include <sys/inotify.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/uio.h>
#include <unistd.h>
#include <array>
#include <cerrno>
#include <cstdio>
#include <limits>

#include "os/retry.hpp"

namespace tenon::os {
namespace {

static_assert(sizeof(Slice) == sizeof(iovec) && offsetof(Slice, data) == offsetof(iovec, iov_base) &&
              offsetof(Slice, size) == offsetof(iovec, iov_len));

const iovec* as_iovec(std::span<const Slice> slices) noexcept {
  return reinterpret_cast<const iovec*>(slices.data());
}

bool fits(std::uint64_t offset) noexcept {
  return offset <= static_cast<std::uint64_t>(std::numeric_limits<off_t>::max());
}

Transfer result_of(ssize_t count) noexcept {
  if (count < 0) return {0, errno};
  return {static_cast<std::size_t>(count), 0};
}

struct flock one_byte(short type, std::uint64_t offset) noexcept {
  struct flock range{};
  range.l_type = type;
  range.l_whence = SEEK_SET;
  range.l_start = static_cast<off_t>(offset);
  range.l_len = 1;
  return range;
}

}  // namespace

Transfer read_at(int fd, std::span<const Slice> into, std::uint64_t offset) noexcept {
  if (!fits(offset)) return {};
  const auto from = static_cast<off_t>(offset);
  if (into.size() == 1)
    return result_of(retry([&] { return ::pread(fd, into[0].data, into[0].size, from); }));
  return result_of(retry([&] { return ::preadv(fd, as_iovec(into), static_cast<int>(into.size()), from); }));
}

Transfer read_all_at(int fd, ByteSpan into, std::uint64_t offset) noexcept {
  std::size_t done = 0;
  while (done < into.size()) {
    const Slice rest{into.data() + done, into.size() - done};
    const Transfer got = read_at(fd, {&rest, 1}, offset + done);
    done += got.count;
    if (got.error != 0) return {done, got.error};
    if (got.count == 0) break;
  }
  return {done, 0};
}

Transfer write_at(int fd, std::span<const Slice> from, std::uint64_t offset) noexcept {
  if (!fits(offset)) return {0, EFBIG};
  const auto to = static_cast<off_t>(offset);
  if (from.size() == 1) return result_of(retry([&] { return ::pwrite(fd, from[0].data, from[0].size, to); }));
  return result_of(retry([&] { return ::pwritev(fd, as_iovec(from), static_cast<int>(from.size()), to); }));
}

Transfer write_all_at(int fd, ByteView from, std::uint64_t offset) noexcept {
  std::size_t done = 0;
  while (done < from.size()) {
    const Slice rest{const_cast<std::byte*>(from.data()) + done, from.size() - done};
    const Transfer put = write_at(fd, {&rest, 1}, offset + done);
    done += put.count;
    if (put.error != 0 || put.count == 0) return {done, put.error != 0 ? put.error : ENOSPC};
  }
  return {done, 0};
}

std::optional<std::uint64_t> size_of(int fd) noexcept {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return std::nullopt;
  return static_cast<std::uint64_t>(found.st_size);
}

bool has_name(int fd) noexcept {
  struct stat found{};
  return ::fstat(fd, &found) == 0 && found.st_nlink > 0;
}

int cut(int fd, std::uint64_t size) noexcept {
  return retry([&] { return ::ftruncate(fd, static_cast<off_t>(size)); }) == 0 ? 0 : errno;
}

int sync_data(int fd) noexcept {
  return retry([&] { return ::fdatasync(fd); }) == 0 ? 0 : errno;
}

std::uint64_t file_size_limit() noexcept {
  rlimit limit{};
  if (::getrlimit(RLIMIT_FSIZE, &limit) != 0 || limit.rlim_cur == RLIM_INFINITY)
    return std::numeric_limits<std::uint64_t>::max();
  return limit.rlim_cur;
}

void leave_access_time(int fd) noexcept {
  const int flags = ::fcntl(fd, F_GETFL);
  if (flags >= 0) ::fcntl(fd, F_SETFL, flags | O_NOATIME);
}

int lock_byte(int fd, std::uint64_t offset) noexcept {
  struct flock range = one_byte(F_WRLCK, offset);
  if (retry([&] { return ::fcntl(fd, F_OFD_SETLK, &range); }) == 0) return 0;
  return errno == EACCES ? EAGAIN : errno;
}

void unlock_byte(int fd, std::uint64_t offset) noexcept {
  struct flock range = one_byte(F_UNLCK, offset);
  ::fcntl(fd, F_OFD_SETLK, &range);
}

Result<bool> is_byte_locked(int fd, std::uint64_t offset) {
  struct flock range = one_byte(F_WRLCK, offset);
  if (::fcntl(fd, F_OFD_GETLK, &range) != 0)
    return std::unexpected(Error::from_errno("look at lock of", "file", errno));
  return range.l_type != F_UNLCK;
}

Result<ChangeWatch> ChangeWatch::create() {
  ChangeWatch made(Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)));
  if (made.inotify_) return made;
  return std::unexpected(Error::from_errno(
      "watch", "files", errno,
      errno == EMFILE
          ? "this process has no file descriptor left (ulimit -n), or this user no inotify instance "
            "(/proc/sys/fs/inotify/max_user_instances): close some, or raise the limit"
          : ""));
}

Result<int> ChangeWatch::add(int file) const {
  std::array<char, 32> path;
  std::snprintf(path.data(), path.size(), "/proc/self/fd/%d", file);
  const int watch = ::inotify_add_watch(inotify_.get(), path.data(), IN_MODIFY | IN_CLOSE_WRITE);
  if (watch >= 0) return watch;
  return std::unexpected(Error::from_errno(
      "watch", "files", errno,
      errno == ENOSPC ? "this user watches too many files: raise /proc/sys/fs/inotify/max_user_watches"
                      : ""));
}

void ChangeWatch::remove(int watch) const noexcept {
  ::inotify_rm_watch(inotify_.get(), watch);
}

void ChangeWatch::drain() const noexcept {
  alignas(inotify_event) std::array<std::byte, 4096> events;
  while (retry([&] { return ::read(inotify_.get(), events.data(), events.size()); }) ==
         static_cast<ssize_t>(events.size())) {
  }
}

}  // namespace tenon::os
