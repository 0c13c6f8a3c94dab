// Events that a parent gave: NAME=DESCRIPTOR pairs in the environment, separated by commas.
#include <charconv>
#include <cstdlib>
#include <new>

#include "base/try.hpp"
#include "event/source.hpp"

namespace tenon {
namespace {

constexpr const char* environment_name = "TENON_EVENTS";

struct Given {
  int fd = -1;
  std::string names;   ///< of all, for an error
  std::string others;  ///< the pairs that stay
};

Given find(std::string_view list, std::string_view name) {
  Given given;
  while (!list.empty()) {
    const std::string_view pair = list.substr(0, list.find(','));
    list.remove_prefix(std::min(list.size(), pair.size() + 1));
    const auto equals = pair.rfind('=');
    if (equals == pair.npos) continue;
    const std::string_view known = pair.substr(0, equals);
    given.names.append(given.names.empty() ? "" : ", ").append(known);
    int fd = -1;
    if (known == name &&
        std::from_chars(pair.data() + equals + 1, pair.data() + pair.size(), fd).ec == std::errc{})
      given.fd = fd;
    else
      given.others.append(given.others.empty() ? "" : ",").append(pair);
  }
  return given;
}

Result<Event> take(std::string_view name) {
  const char* const list = std::getenv(environment_name);
  const Given given = find(list != nullptr ? list : "", name);
  if (given.fd < 0) {
    return std::unexpected(Error(
        Errc::not_found, "inherit", "event '" + std::string(name) + "'",
        given.names.empty() ? "this process was given no events (ChildOptions::events, tenon spawn --event)"
                            : "this process was given " + given.names));
  }
  auto event = TRY(Event::open("eventfd:" + std::to_string(given.fd)));
  if (given.others.empty())
    ::unsetenv(environment_name);
  else
    ::setenv(environment_name, given.others.c_str(), 1);
  return event;
}

}  // namespace

Result<Event> inherited_event(std::string_view name) try {
  return take(name);
} catch (const std::bad_alloc&) {
  return std::unexpected(Error(Errc::resource_limit, "inherit event"));
}

}  // namespace tenon
