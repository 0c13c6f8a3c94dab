// A child process with a channel to it, and the child's end of that channel.
#pragma once

#include <chrono>
#include <string>
#include <vector>

#include <tenon/channel.hpp>
#include <tenon/os/process.hpp>

namespace tenon {

/// An event for a child: `fd` is Event::poll_fd() of one over eventfd, and stays the parent's.
struct GivenEvent {
  std::string name;  ///< for inherited_event(), event.hpp; without ',' and '='
  int fd;
};

struct ChildOptions {
  std::vector<std::string> arguments;      ///< [0] is the program, looked up in PATH
  std::vector<std::string> environment{};  ///< NAME=value, added to the inherited ones or replacing them
  /// `pipe:`, `unix:` or `shm:`, with options. With framing=message (default) the child is a program that calls
  /// inherited(); with framing=lines or framing=raw it is any program, and the channel is its standard input and
  /// output.
  std::string address = "pipe:";
  std::vector<GivenEvent> events{};
  Deadline deadline = Deadline::in(std::chrono::seconds(5));  ///< for the child to start and call inherited()
  bool die_with_parent =
      false;  ///< SIGKILL for the child when the parent's thread that spawned it ends (prctl(2))
};

/// A running child and the channel to it.
struct Child {
  os::Process process;
  Channel channel;
};

/// Starts a program with a channel to it. Errors: those of os::Process::spawn; timed_out or peer_died when the
/// child does not answer the handshake (does it call inherited()?).
TENON_EXPORT Result<Child> spawn(const ChildOptions& options);

/// In the child: the channel to the parent, from the environment variable TENON_CHANNEL, which is removed so that
/// our own children do not inherit the claim. Call it once, before starting threads (setenv(3)).
/// Errors: not_found (this process was not started by spawn()), those of connect().
TENON_EXPORT Result<Channel> inherited(Deadline deadline = Deadline::in(std::chrono::seconds(5)));

}  // namespace tenon
