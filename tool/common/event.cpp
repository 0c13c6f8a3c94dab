#include "common/event.hpp"

#include <CLI/CLI.hpp>
#include <tenon/address.hpp>

#include "base/try.hpp"

namespace tool {

void EventPlace::declare(CLI::App& app) {
  app.add_option("EVENT", address, "signal:PID to notify, signal: to wait, eventfd:N, or inherited:NAME")
      ->required()
      ->type_name("");
  app.add_option("-s,--signal", signal, "Over signals: which one, e.g. USR1 or RTMIN+3 (RTMIN unless given)")
      ->type_name("NAME");
}

tenon::Result<tenon::Event> EventPlace::open() const {
  auto parsed = TRY(tenon::Address::parse(address));
  if (parsed.scheme() == "inherited") return tenon::inherited_event(parsed.place());
  if (signal) parsed = parsed.with("number", *signal);
  return tenon::Event::open(parsed.to_string());
}

}  // namespace tool
