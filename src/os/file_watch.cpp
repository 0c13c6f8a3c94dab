#include <tenon/os/file_watch.hpp>

#include <sys/inotify.h>
#include <sys/stat.h>
#include <array>
#include <cerrno>
#include <climits>
#include <cstring>

#include "base/try.hpp"

namespace tenon::os {
namespace {

constexpr std::uint32_t file_mask = IN_MODIFY | IN_DELETE_SELF | IN_MOVE_SELF;
constexpr std::uint32_t folder_mask = IN_CREATE | IN_MOVED_TO | IN_MODIFY | IN_DELETE | IN_MOVED_FROM |
                                      IN_DELETE_SELF | IN_MOVE_SELF | IN_ONLYDIR;

Error watch_error(const std::string& subject, int cause) {
  constexpr std::string_view operation = "watch";
  switch (cause) {
    case EMFILE:
      return Error::from_errno(
          operation, subject, cause,
          "this process has no file descriptor left (ulimit -n), or this user no inotify "
          "instance (/proc/sys/fs/inotify/max_user_instances): close some, or raise the limit");
    case ENOSPC:
      return Error::from_errno(operation, subject, cause,
                               "this user has too many watches: raise /proc/sys/fs/inotify/max_user_watches");
    default:
      return Error::from_errno(operation, subject, cause);
  }
}

Change change_of(std::uint32_t mask) noexcept {
  if ((mask & IN_Q_OVERFLOW) != 0) return Change::overflow;
  if ((mask & (IN_CREATE | IN_MOVED_TO)) != 0) return Change::created;
  if ((mask & IN_MODIFY) != 0) return Change::modified;
  return Change::removed;
}

std::string folder_of(const std::string& path) {
  const std::size_t slash = path.find_last_of('/');
  if (slash == std::string::npos) return ".";
  return slash == 0 ? "/" : path.substr(0, slash);
}

}  // namespace

Result<FileWatch> FileWatch::watch(const std::string& path, std::uint32_t mask, const std::string& subject) {
  FileWatch made(Fd(::inotify_init1(IN_CLOEXEC | IN_NONBLOCK)));
  if (!made.inotify_ || ::inotify_add_watch(made.inotify_.get(), path.c_str(), mask) < 0) {
    return std::unexpected(watch_error(subject, errno));
  }
  return made;
}

Result<FileWatch> FileWatch::of_file(const std::string& path) {
  return watch(path, file_mask | IN_DONT_FOLLOW, path);
}

Result<FileWatch> FileWatch::of_open_file(int fd) {
  return watch("/proc/self/fd/" + std::to_string(fd), file_mask, "open file");
}

Result<FileWatch> FileWatch::of_folder(const std::string& path) {
  return watch(path, folder_mask, path);
}

Result<FileEvent> FileWatch::next(Deadline deadline) {
  while (waiting_.empty()) {
    if (ended_) return std::unexpected(Error(Errc::not_found, "watch", "removed object", "watch another"));
    TRY(read_events(deadline));
  }
  FileEvent event = std::move(waiting_.front());
  waiting_.pop_front();
  return event;
}

Result<void> FileWatch::read_events(Deadline deadline) {
  alignas(inotify_event) std::array<std::byte, 4096> buffer;
  static_assert(sizeof buffer >= sizeof(inotify_event) + NAME_MAX + 1);
  const std::size_t got = TRY(read_some(inotify_.get(), buffer, deadline));
  for (std::size_t at = 0; at < got;) {
    inotify_event event;
    std::memcpy(&event, buffer.data() + at, sizeof event);
    const char* name = reinterpret_cast<const char*>(buffer.data() + at + sizeof event);
    at += sizeof event + event.len;
    if ((event.mask & IN_IGNORED) != 0) {
      ended_ = true;
    } else {
      waiting_.push_back({change_of(event.mask), event.len == 0 ? std::string() : std::string(name)});
    }
  }
  return {};
}

Result<void> wait_until_exists(const std::string& path, Deadline deadline) {
  struct stat there{};
  if (::lstat(path.c_str(), &there) == 0) return {};
  FileWatch watch = TRY(FileWatch::of_folder(folder_of(path)));
  while (::lstat(path.c_str(), &there) != 0) {
    if (errno != ENOENT) return std::unexpected(Error::from_errno("wait for", path, errno));
    if (auto event = watch.next(deadline); !event) {
      const bool late = event.error().code() == Errc::timed_out;
      return std::unexpected(
          event.error().with("wait for", path, late ? "nothing of that name has appeared" : ""));
    }
  }
  return {};
}

}  // namespace tenon::os
