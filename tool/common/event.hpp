// The address of an event on the command line.
#pragma once

#include <chrono>
#include <optional>
#include <string>

#include <tenon/event.hpp>

namespace CLI {
class App;
}

namespace tool {

struct EventPlace {
  std::string address;
  std::optional<std::string> signal;  ///< number= of signal:, given as an option

  /// EVENT, --signal.
  void declare(CLI::App& app);
  /// `address` may also be inherited:NAME, an event of tenon spawn --event NAME. Errors: those of Event::open() and
  /// inherited_event().
  tenon::Result<tenon::Event> open() const;
};

}  // namespace tool
