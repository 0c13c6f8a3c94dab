#include "os/process_mark.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/stat.h>
#include <sys/syscall.h>
#include <unistd.h>
#include <array>
#include <charconv>
#include <cstdio>
#include <string_view>

#include <tenon/os/fd.hpp>

#include "os/retry.hpp"

namespace tenon::os {
namespace {

std::uint32_t own_namespace() noexcept {
  struct stat status{};
  return ::stat("/proc/self/ns/pid", &status) == 0 ? static_cast<std::uint32_t>(status.st_ino) : 0;
}

/// Field 22 of /proc/PID/stat; 0 when it cannot be read. The second field, a name in parentheses, may hold
/// anything.
std::uint64_t start_of(std::uint32_t pid) noexcept {
  std::array<char, 32> path;
  std::snprintf(path.data(), path.size(), "/proc/%u/stat", pid);
  const Fd file(retry([&] { return ::open(path.data(), O_RDONLY | O_CLOEXEC); }));
  if (!file) return 0;
  std::array<char, 1024> text;
  const ssize_t size = retry([&] { return ::read(file.get(), text.data(), text.size()); });
  std::string_view rest(text.data(), size > 0 ? static_cast<std::size_t>(size) : 0);
  rest.remove_prefix(std::min(rest.size(), rest.rfind(')')));
  for (int field = 2; field < 22; ++field) {
    const std::size_t blank = rest.find(' ');
    if (blank == rest.npos) return 0;
    rest.remove_prefix(blank + 1);
  }
  std::uint64_t started = 0;
  std::from_chars(rest.data(), rest.data() + rest.size(), started);
  return started;
}

}  // namespace

ProcessMark ProcessMark::of_self() noexcept {
  const auto pid = static_cast<std::uint32_t>(::getpid());
  return {pid, own_namespace(), start_of(pid)};
}

bool ProcessMark::is_gone() const noexcept {
  if (pid == 0 || pid_namespace != own_namespace()) return false;
  const Fd process(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!process) return errno == ESRCH;
  pollfd ended{process.get(), POLLIN, 0};
  if (retry([&] { return ::poll(&ended, 1, 0); }) == 1) return true;
  const std::uint64_t now = start_of(pid);
  return started != 0 && now != 0 && now != started;  // another process by now
}

}  // namespace tenon::os
