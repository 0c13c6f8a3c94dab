#include "os/signal_target.hpp"

#include <cerrno>
#include <charconv>
#include <csignal>
#include <cstdint>
#include <cstring>
#include <filesystem>
#include <fstream>

namespace tenon::os {
namespace {

std::unexpected<Error> no_such_signal(std::string_view text) {
  return std::unexpected(
      Error(Errc::invalid_argument, "look up", "signal '" + std::string(text) + "'",
            "write a name or number such as USR1, RTMIN, RTMIN+3 or 10 (kill -l lists them)"));
}

bool parse(std::string_view text, int& number) noexcept {
  const auto [end, problem] = std::from_chars(text.data(), text.data() + text.size(), number);
  return problem == std::errc{} && end == text.data() + text.size();
}

/// "RTMIN", "RTMIN+3", "RTMAX-1".
Result<int> real_time_number(std::string_view text) {
  const bool from_least = text.starts_with("RTMIN");
  const std::string_view distance = text.substr(5);
  const char sign = from_least ? '+' : '-';
  int offset = 0;
  if (!distance.empty() && (distance.front() != sign || !parse(distance.substr(1), offset) || offset < 0))
    return no_such_signal(text);
  if (offset > SIGRTMAX - SIGRTMIN) return no_such_signal(text);
  return from_least ? SIGRTMIN + offset : SIGRTMAX - offset;
}

/// A mask of the status file, such as "SigBlk:\t0000000000004806"; false when it is not there.
bool read_mask(const std::filesystem::path& status, std::string_view field, std::uint64_t& mask) {
  std::ifstream file(status);
  for (std::string line; std::getline(file, line);) {
    if (!line.starts_with(field)) continue;
    const char* const begin = line.data() + field.size() + 1;
    return std::from_chars(begin, line.data() + line.size(), mask, 16).ec == std::errc{};
  }
  return false;
}

/// Blocked in every thread: otherwise the kernel picks one that does not block it.
bool is_blocked(const std::filesystem::path& process, std::uint64_t bit) {
  std::error_code problem;
  bool blocked = true;
  for (std::filesystem::directory_iterator thread(process / "task", problem), end; !problem && thread != end;
       thread.increment(problem)) {
    std::uint64_t mask = ~std::uint64_t{0};
    read_mask(thread->path() / "status", "SigBlk:", mask);
    blocked = blocked && (mask & bit) != 0;
  }
  return blocked && !problem;
}

/// "queued/limit" of the signals queued for the user of `pid`.
std::string queued_for(int pid) {
  std::ifstream status("/proc/" + std::to_string(pid) + "/status");
  for (std::string line; std::getline(status, line);) {
    if (line.starts_with("SigQ:\t")) return line.substr(6);
  }
  return "unknown";
}

}  // namespace

std::string signal_name(int signal) {
  if (signal >= SIGRTMIN && signal <= SIGRTMAX)
    return signal == SIGRTMIN ? "SIGRTMIN" : "SIGRTMIN+" + std::to_string(signal - SIGRTMIN);
  const char* name = ::sigabbrev_np(signal);
  return name != nullptr ? "SIG" + std::string(name) : "signal " + std::to_string(signal);
}

Result<int> signal_number(std::string_view text) {
  std::string_view name = text;
  if (name.starts_with("SIG")) name.remove_prefix(3);
  if (name.starts_with("RTMIN") || name.starts_with("RTMAX")) return real_time_number(name);
  int number = 0;
  if (parse(name, number) && number >= 1 && number <= SIGRTMAX) return number;
  for (number = 1; number < NSIG; ++number) {
    const char* known = ::sigabbrev_np(number);
    if (known != nullptr && name == known) return number;
  }
  return no_such_signal(text);
}

Reception reception_of(int pid, int signal) {
  const std::filesystem::path process = "/proc/" + std::to_string(pid);
  const std::uint64_t bit = std::uint64_t{1} << (signal - 1);
  std::uint64_t caught = 0;
  std::uint64_t ignored = 0;
  if (!read_mask(process / "status", "SigCgt:", caught) || !read_mask(process / "status", "SigIgn:", ignored))
    return Reception::unknown;
  if ((caught & bit) != 0 || is_blocked(process, bit)) return Reception::received;
  return (ignored & bit) != 0 ? Reception::ignored : Reception::fatal;
}

Error cannot_send_signal(int pid, int signal, int system_errno) {
  const std::string subject = signal_name(signal) + " to pid " + std::to_string(pid);
  switch (system_errno) {
    case ESRCH:
      return {Errc::not_found, "send", subject, "no process has this pid", system_errno};
    case EPERM:
      return {Errc::permission_denied, "send", subject, "the process belongs to another user", system_errno};
    case EAGAIN:
      return {Errc::resource_limit, "send", subject,
              "too many signals are queued for the receiver's user (queued/limit: " + queued_for(pid) +
                  "): let it receive some, or raise ulimit -i in the receiver",
              system_errno};
    default:
      return Error::from_errno("send", subject, system_errno);
  }
}

}  // namespace tenon::os
