#include "bench/os/scratch.hpp"

#include <fcntl.h>
#include <poll.h>
#include <sys/ipc.h>
#include <sys/msg.h>
#include <sys/syscall.h>
#include <sys/wait.h>
#include <unistd.h>
#include <cerrno>
#include <csignal>
#include <cstdlib>
#include <filesystem>

#include <tenon/channel.hpp>
#include <tenon/os/pipe.hpp>

#include "base/try.hpp"

namespace bench {
namespace {

using tenon::Error;
using tenon::Result;

constexpr int patience_ms = 10'000;

/// A measured process whose starter is gone ends by itself, since its measurement is short; at the latest now.
void wait_for_end(int pid) noexcept {
  const tenon::os::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return;
  pollfd wait{pidfd.get(), POLLIN, 0};
  if (::poll(&wait, 1, patience_ms) != 1) ::kill(pid, SIGKILL);
  ::poll(&wait, 1, patience_ms);
}

[[noreturn]] void tidy_up_later(Exchange& exchange, const std::string& folder, int alive) noexcept {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(signal, SIG_IGN);
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {0, 1, 2})
    ::dup2(nowhere, standard);  // so that nobody waits for us to close them
  char byte = 0;
  pollfd wait{alive, POLLIN, 0};
  do {
    ::poll(&wait, 1, -1);
  } while (::read(alive, &byte, 1) != 0);
  for (auto& pid : exchange.pids()) {
    if (const int number = pid.load(std::memory_order_relaxed); number > 0) wait_for_end(number);
  }
  remove_leftovers(exchange);
  std::error_code ignored;
  std::filesystem::remove_all(folder, ignored);
  ::_exit(0);
}

}  // namespace

void remove_leftovers(Exchange& exchange) noexcept {
  for (auto& queue : exchange.queues()) {
    if (const int id = queue.exchange(-1, std::memory_order_relaxed); id >= 0)
      ::msgctl(id, IPC_RMID, nullptr);
  }
  // A listener takes over what a dead one left, and removes it when it goes (docs/contract.md, promise 6).
  if (const auto address = exchange.address_now(); !address.empty())
    static_cast<void>(tenon::listen(address));
}

Result<Scratch> Scratch::create(Exchange& exchange) {
  std::error_code unknown;
  auto base = std::filesystem::temp_directory_path(unknown);
  if (unknown) base = "/tmp";
  std::string folder = (base / "tenon-bench-XXXXXX").string();
  auto pipe = TRY(tenon::os::Pipe::create());
  if (::mkdtemp(folder.data()) == nullptr)
    return std::unexpected(Error::from_errno("make a folder", folder, errno));
  const int helper = ::fork();
  if (helper < 0) {
    const int reason = errno;
    ::rmdir(folder.c_str());
    return std::unexpected(Error::from_errno("fork", "the process that tidies up", reason));
  }
  if (helper == 0) {
    pipe.write_end.reset();
    tidy_up_later(exchange, folder, pipe.read_end.get());
  }
  return Scratch(folder, std::move(pipe.write_end), helper);
}

Scratch::Scratch(Scratch&& other) noexcept
    : folder_(std::move(other.folder_)),
      alive_(std::move(other.alive_)),
      helper_(std::exchange(other.helper_, -1)) {}

Scratch::~Scratch() {
  if (helper_ <= 0) return;
  alive_.reset();
  while (::waitpid(helper_, nullptr, 0) < 0 && errno == EINTR) {
  }
}

}  // namespace bench
