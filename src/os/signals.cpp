#include <tenon/os/signals.hpp>

#include <sys/signalfd.h>
#include <algorithm>
#include <array>
#include <cassert>
#include <cerrno>
#include <csignal>
#include <string>
#include <utility>

#include "base/try.hpp"
#include "os/signal_target.hpp"

namespace tenon::os {
namespace {

Result<void> check(int signal) {
  sigset_t probe;
  sigemptyset(&probe);
  if (signal < 1 || sigaddset(&probe, signal) != 0) {
    return std::unexpected(
        Error(Errc::invalid_argument, "receive", signal_name(signal), "there is no such signal"));
  }
  if (signal == SIGKILL || signal == SIGSTOP) {
    return std::unexpected(
        Error(Errc::invalid_argument, "receive", signal_name(signal), "it cannot be blocked"));
  }
  return {};
}

constexpr std::uint64_t bit_of(int signal) noexcept {
  return std::uint64_t{1} << (signal - 1);
}

Result<void> check_pid(int pid, int signal) {
  if (pid > 0) return {};
  return std::unexpected(Error(Errc::invalid_argument, "send",
                               signal_name(signal) + " to pid " + std::to_string(pid),
                               "0 and below mean groups of processes: name one"));
}

}  // namespace

Result<SignalFd> SignalFd::create(std::span<const int> signals) {
  if (signals.empty())
    return std::unexpected(Error(Errc::invalid_argument, "receive", "signals", "name at least one"));
  sigset_t wanted;
  sigset_t before;
  sigemptyset(&wanted);
  for (const int signal : signals) {
    TRY(check(signal));
    sigaddset(&wanted, signal);
  }
  Fd fd(::signalfd(-1, &wanted, SFD_CLOEXEC | SFD_NONBLOCK));
  if (!fd) return std::unexpected(Error::from_errno("create", "signalfd", errno));
  ::pthread_sigmask(SIG_BLOCK, &wanted, &before);
  std::uint64_t blocked = 0;
  for (const int signal : signals) {
    if (sigismember(&before, signal) == 0) blocked |= bit_of(signal);
  }
  return SignalFd(std::move(fd), blocked);
}

SignalFd::SignalFd(SignalFd&& other) noexcept
    : fd_(std::move(other.fd_)), blocked_(std::exchange(other.blocked_, 0)), thread_(other.thread_) {}

SignalFd& SignalFd::operator=(SignalFd&& other) noexcept {
  if (this == &other) return *this;
  restore();
  fd_ = std::move(other.fd_);
  blocked_ = std::exchange(other.blocked_, 0);
  thread_ = other.thread_;
  return *this;
}

void SignalFd::restore() noexcept {
  if (blocked_ == 0) return;
  assert(thread_ == std::this_thread::get_id());
  sigset_t closed;
  sigemptyset(&closed);
  for (int signal = 1; signal <= 64; ++signal) {
    if ((blocked_ & bit_of(signal)) != 0) sigaddset(&closed, signal);
  }
  ::pthread_sigmask(SIG_UNBLOCK, &closed, nullptr);
  blocked_ = 0;
}

Result<ReceivedSignal> SignalFd::receive(Deadline deadline) const {
  ReceivedSignal received{};
  static_cast<void>(TRY(receive({&received, 1}, deadline)));
  return received;
}

Result<std::size_t> SignalFd::receive(std::span<ReceivedSignal> into, Deadline deadline) const {
  std::array<signalfd_siginfo, 16> info;
  const auto room = std::span(info).first(std::min(info.size(), into.size()));
  const auto read = read_some(fd_.get(), std::as_writable_bytes(room), deadline);
  if (!read)
    return std::unexpected(
        Error(read.error().code(), "receive signals", nullptr, read.error().system_errno()));
  const std::size_t count = *read / sizeof info[0];
  for (std::size_t i = 0; i < count; ++i) {
    const signalfd_siginfo& got = info[i];
    into[i] = ReceivedSignal{.number = static_cast<int>(got.ssi_signo),
                             .sender_pid = static_cast<int>(got.ssi_pid),
                             .sender_uid = got.ssi_uid,
                             .value = got.ssi_code == SI_QUEUE ? got.ssi_int : 0,
                             .code = got.ssi_code};
  }
  return count;
}

Result<void> send_signal(int pid, int signal) {
  TRY(check_pid(pid, signal));
  if (::kill(pid, signal) == 0) return {};
  return std::unexpected(cannot_send_signal(pid, signal, errno));
}

Result<void> queue_signal(int pid, int signal, int value) {
  TRY(check_pid(pid, signal));
  sigval with{};
  with.sival_int = value;
  if (::sigqueue(pid, signal, with) == 0) return {};
  return std::unexpected(cannot_send_signal(pid, signal, errno));
}

}  // namespace tenon::os
