#include "bench/os/daemon.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/prctl.h>
#include <sys/socket.h>
#include <sys/syscall.h>
#include <sys/un.h>
#include <sys/wait.h>
#include <unistd.h>
#include <algorithm>
#include <array>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>
#include <sstream>

#include <tenon/deadline.hpp>
#include <tenon/os/pipe.hpp>

#include "base/try.hpp"

namespace bench {
namespace {

using tenon::Deadline;
using tenon::Errc;
using tenon::Error;
using tenon::Result;

constexpr int patience_ms = 3'000;
constexpr int step_ms = 20;

[[noreturn]] void become(const std::vector<std::string>& command, int starter, int output) {
  ::prctl(PR_SET_PDEATHSIG, SIGTERM);
  if (::getppid() != starter) ::_exit(1);
  ::setpgid(0, 0);  // Ctrl-C is for us
  const int nowhere = ::open("/dev/null", O_RDONLY | O_CLOEXEC);
  ::dup2(nowhere, STDIN_FILENO);
  ::dup2(output, STDOUT_FILENO);
  ::dup2(output, STDERR_FILENO);
  std::vector<char*> arguments;
  for (const auto& argument : command) arguments.push_back(const_cast<char*>(argument.c_str()));
  arguments.push_back(nullptr);
  ::execv(arguments.front(), arguments.data());
  ::_exit(127);
}

bool ended_within(int pid, int limit_ms) noexcept {
  const tenon::os::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  pollfd wait{pidfd.get(), POLLIN, 0};
  return pidfd && ::poll(&wait, 1, limit_ms) == 1;
}

std::string last_line(const std::string& text) {
  const auto end = text.find_last_not_of('\n');
  if (end == std::string::npos) return "it printed nothing";
  const auto before = text.rfind('\n', end);
  return text.substr(before == std::string::npos ? 0 : before + 1, end - (before + 1) + 1);
}

}  // namespace

std::string program_path(const std::string& name) {
  const char* const path = std::getenv("PATH");
  std::istringstream folders(path != nullptr ? path : "/usr/local/bin:/usr/bin:/bin");
  for (std::string folder; std::getline(folders, folder, ':');) {
    auto file = (std::filesystem::path(folder) / name).string();
    if (::access(file.c_str(), X_OK) == 0) return file;
  }
  return {};
}

Result<Daemon> Daemon::start(const std::vector<std::string>& command, const std::string& ready,
                             std::chrono::nanoseconds limit) {
  auto output = TRY(tenon::os::Pipe::create());
  const int starter = ::getpid();
  const int pid = ::fork();
  if (pid < 0) return std::unexpected(Error::from_errno("fork", command.front(), errno));
  if (pid == 0) become(command, starter, output.write_end.get());
  output.write_end.reset();
  Daemon daemon(pid, starter, std::move(output.read_end));
  std::string printed;
  const Deadline until = Deadline::in(limit);
  while (printed.find(ready) == std::string::npos) {
    const auto left = std::chrono::ceil<std::chrono::milliseconds>(until.remaining());
    pollfd wait{daemon.output_.get(), POLLIN, 0};
    const int some = ::poll(&wait, 1, static_cast<int>(left.count()));
    if (some < 0 && errno == EINTR) continue;
    if (some <= 0)
      return std::unexpected(Error(Errc::timed_out, "start", command.front(), last_line(printed)));
    std::array<char, 4096> buffer;
    const auto got = ::read(daemon.output_.get(), buffer.data(), buffer.size());
    if (got < 0 && (errno == EINTR || errno == EAGAIN)) continue;
    if (got <= 0)
      return std::unexpected(Error(Errc::system_error, "start", command.front(), last_line(printed)));
    printed.append(buffer.data(), static_cast<std::size_t>(got));
  }
  return daemon;
}

Daemon::~Daemon() {
  if (pid_ <= 0 || ::getpid() != starter_) return;
  ::kill(pid_, SIGTERM);
  if (!ended_within(pid_, patience_ms)) ::kill(pid_, SIGKILL);
  while (::waitpid(pid_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

Result<MachineLock> MachineLock::take(const std::string& name, std::chrono::nanoseconds limit) {
  sockaddr_un address{};  // unix(7), abstract: gone with its last descriptor
  address.sun_family = AF_UNIX;
  const std::size_t length = std::min(name.size(), sizeof address.sun_path - 1);
  std::copy_n(name.data(), length, address.sun_path + 1);
  const Deadline until = Deadline::in(limit);
  tenon::os::Fd held(::socket(AF_UNIX, SOCK_DGRAM | SOCK_CLOEXEC, 0));
  if (!held) return std::unexpected(Error::from_errno("make", "a socket", errno));
  const auto size = static_cast<socklen_t>(offsetof(sockaddr_un, sun_path) + 1 + length);
  while (::bind(held.get(), reinterpret_cast<const sockaddr*>(&address), size) != 0) {
    if (errno != EADDRINUSE || until.expired())
      return std::unexpected(Error(Errc::timed_out, "take", name, "another process has it"));
    ::poll(nullptr, 0, step_ms);
  }
  return MachineLock(std::move(held));
}

}  // namespace bench
