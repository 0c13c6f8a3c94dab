// Signals by name, which process waits for one, and why one could not be sent. signal(7), proc_pid_status(5).
#pragma once

#include <string>
#include <string_view>

#include <tenon/error.hpp>

namespace tenon::os {

/// "SIGUSR1", "SIGRTMIN+3".
std::string signal_name(int signal);
/// From "USR1", "SIGUSR1", "RTMIN", "RTMIN+3", "RTMAX-1" or "10". Errors: invalid_argument.
Result<int> signal_number(std::string_view text);

/// What happens to a process when it is sent a signal that it may not expect.
enum class Reception : std::uint8_t {
  received,  ///< blocked in every thread, so that someone can receive it; or it has a handler
  ignored,   ///< it would be lost
  fatal,     ///< neither: for most signals the end of the process
  unknown,   ///< /proc does not tell
};
Reception reception_of(int pid, int signal);

/// errno of kill(2), sigqueue(3) or pidfd_send_signal(2), with what to do about it.
Error cannot_send_signal(int pid, int signal, int system_errno);

}  // namespace tenon::os
