// What the example programs share, so that each shows only its mechanism: command line, Ctrl-C, and giving up with a
// reason.
#pragma once

#include <csignal>
#include <cstdio>
#include <cstdlib>
#include <string>
#include <string_view>
#include <utility>

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>

namespace example {

inline constexpr int rounds = 100;  ///< pings before `end`

/// `NAME server|client [PLACE]`.
struct CommandLine {
  bool is_server;
  std::string place;
};

inline CommandLine parse(int argc, char** argv, std::string default_place) {
  const std::string_view role = argc > 1 ? argv[1] : "";
  if ((role != "server" && role != "client") || argc > 3) {
    std::fprintf(stderr,
                 "usage: %s server|client [PLACE]\n  PLACE is %s unless given; start the server first.\n",
                 argv[0], default_place.c_str());
    std::exit(2);
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);  // a line at a time, also into a pipe
  return {role == "server", argc == 3 ? argv[2] : std::move(default_place)};
}

/// The value of a Result, or print the error and leave.
template <typename T>
T value_or_exit(tenon::Result<T> result) {
  if (!result) {
    std::fprintf(stderr, "%s\n", result.error().message().c_str());
    std::exit(1);
  }
  if constexpr (!std::is_void_v<T>) return std::move(*result);
}

/// One line of output, as the notes' programs print it.
inline void say(std::string_view who, std::string_view what) {
  std::printf("%.*s: %.*s\n", static_cast<int>(who.size()), who.data(), static_cast<int>(what.size()),
              what.data());
}

/// Ctrl-C ends the waits with this deadline instead of the program, so that names are removed. Call it once.
inline tenon::Deadline until_interrupted() {
  static tenon::Canceller canceller = value_or_exit(tenon::Canceller::create());
  for (const int signal : {SIGINT, SIGTERM}) std::signal(signal, [](int) { canceller.cancel(); });
  return tenon::Deadline::never().unless(canceller);
}

}  // namespace example
