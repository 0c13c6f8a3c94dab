// The address on the command line, and the channel that it becomes.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <tenon/channel.hpp>

namespace CLI {
class App;
}

namespace tool {

/// How to get a channel: by connecting, or by listening for one peer.
struct Connection {
  std::string address;
  bool listen = false;
  bool verbose = false;
  std::optional<std::chrono::nanoseconds> timeout;  ///< for each wait
  std::optional<std::chrono::nanoseconds> wait;     ///< how long to look for a listener that is not there yet

  /// ADDR, --listen, --timeout, --wait, --verbose.
  void declare(CLI::App& app);
  /// The listener is gone when this returns: it has served its one peer. Errors: those of connect() and
  /// listen(), cancelled.
  tenon::Result<tenon::Channel> open() const;
  /// For one send or receive.
  tenon::Deadline deadline() const;
  /// For close(): as deadline(), but someone who was told to stop still says good-bye, for a second.
  tenon::Deadline closing_deadline() const;
};

/// Listens and, if `verbose`, says where.
tenon::Result<tenon::Listener> open_listener(const std::string& address, bool verbose);
/// Connects; `address` may also be `inherited:`, the channel to the parent (tenon::inherited()).
tenon::Result<tenon::Channel> open_client(const std::string& address, std::chrono::nanoseconds timeout,
                                          std::optional<std::chrono::nanoseconds> wait);
/// "connected to process 1234" if `verbose`.
void say_connected(const tenon::Channel& channel, bool verbose);
/// How the calls of one direction waited.
std::string describe_waiting(const tenon::Statistics::Direction& counts);

}  // namespace tool
