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
#include <span>

#include <tenon/channel.hpp>
#include <tenon/os/pipe.hpp>

#include "base/try.hpp"

namespace bench {
namespace {

using tenon::Error;
using tenon::Result;

constexpr int patience_ms = 2'000;

/// A measured process whose starter is gone ends by itself, since its measurement is short; at the latest now.
void wait_for_end(int pid) noexcept {
  const tenon::os::Fd pidfd(static_cast<int>(::syscall(SYS_pidfd_open, pid, 0)));
  if (!pidfd) return;
  pollfd wait{pidfd.get(), POLLIN, 0};
  if (::poll(&wait, 1, patience_ms) != 1) ::kill(pid, SIGKILL);
  ::poll(&wait, 1, patience_ms);
}

/// The helper's life: makes the folder, tells its name or why there is none, and waits for the end.
[[noreturn]] void tidy_up_later(Exchange& exchange, std::string folder, int tell, int alive) noexcept {
  for (const int signal : {SIGINT, SIGTERM, SIGHUP, SIGQUIT}) std::signal(signal, SIG_IGN);
  int reason = 0;
  if (::mkdtemp(folder.data()) == nullptr) reason = errno;
  const bool told = ::write(tell, &reason, sizeof reason) == sizeof reason &&
                    ::write(tell, folder.data(), folder.size()) == static_cast<ssize_t>(folder.size());
  ::close(tell);
  if (reason != 0) ::_exit(0);
  const int nowhere = ::open("/dev/null", O_RDWR | O_CLOEXEC);
  for (const int standard : {0, 1, 2})
    ::dup2(nowhere, standard);  // so that nobody waits for us to close them
  char byte = 0;
  pollfd wait{alive, POLLIN, 0};
  while (told && ::read(alive, &byte, 1) != 0) ::poll(&wait, 1, -1);
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
  auto alive = TRY(tenon::os::Pipe::create());
  auto telling = TRY(tenon::os::Pipe::create());
  const int helper = ::fork();
  if (helper < 0) return std::unexpected(Error::from_errno("fork", "the process that tidies up", errno));
  if (helper == 0) {
    alive.write_end.reset();
    tidy_up_later(exchange, folder, telling.write_end.get(), alive.read_end.get());
  }
  exchange.keep_alive(alive.write_end.get());
  Scratch scratch(folder, std::move(alive.write_end), helper);
  telling.write_end.reset();
  int reason = EPIPE;
  const auto told =
      TRY(tenon::os::read_full(telling.read_end.get(), std::as_writable_bytes(std::span(&reason, 1))));
  const auto name = std::as_writable_bytes(std::span(scratch.folder_));
  if (told != sizeof reason || reason != 0)
    return std::unexpected(Error::from_errno("make a folder", folder, reason));
  if (TRY(tenon::os::read_full(telling.read_end.get(), name)) != name.size())
    return std::unexpected(Error::from_errno("make a folder", folder, EPIPE));
  return scratch;
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
