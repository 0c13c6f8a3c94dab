// What the socket examples share: messages cut out of a byte stream, patience, and "HOST:PORT".
#pragma once

#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>
#include <thread>
#include <utility>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>

#include "example.hpp"

namespace example {

/// Cuts `ping`, `pong` and `end` out of a byte stream, in which one read may bring half a message or three of
/// them. There is nothing between the messages, and none is needed: no message is the beginning of another,
/// so it is always clear where one ends. Messages of any content need a length in front, or a separator: a
/// frame.
class MessageReader {
 public:
  /// The next message. At the end of the stream, what is left: normally nothing. Bytes that begin no message
  /// are returned as they are.
  template <typename Socket>
  tenon::Result<std::string> next(Socket& socket, tenon::Deadline deadline = tenon::Deadline::never()) {
    for (;;) {
      bool may_grow = false;
      for (const std::string_view message : {"ping", "pong", "end"}) {
        if (pending_.starts_with(message)) {
          pending_.erase(0, message.size());
          return std::string(message);
        }
        may_grow = may_grow || message.starts_with(pending_);
      }
      if (!may_grow) return std::exchange(pending_, {});
      std::array<std::byte, 64> buffer;
      const auto got = socket.receive_some(buffer, deadline);
      if (!got) return std::unexpected(got.error());
      if (*got == 0) return std::exchange(pending_, {});
      pending_ += tenon::text_of(tenon::ByteView(buffer).first(*got));
    }
  }

 private:
  std::string pending_;  // received, and not yet a whole message
};

/// What `attempt` returns, tried for 5 s while nobody is there: the server may be just starting.
template <typename Attempt>
auto patiently(Attempt attempt) {
  const auto deadline = tenon::Deadline::in(std::chrono::seconds(5));
  for (;;) {
    auto result = attempt(deadline);
    if (result || result.error().code() != tenon::Errc::no_one_there || deadline.expired()) return result;
    std::this_thread::sleep_for(std::chrono::milliseconds(20));
  }
}

struct HostPort {
  std::string host;
  std::uint16_t port;
};

/// "127.0.0.1:7766" or "[::1]:7766"; leaves with status 2 for anything else.
inline HostPort parse_place(const std::string& place) {
  const std::size_t colon = place.rfind(':');
  HostPort parsed{place.substr(0, colon), 0};
  const char* first = place.data() + (colon == place.npos ? place.size() : colon + 1);
  const char* last = place.data() + place.size();
  const auto [end, error] = std::from_chars(first, last, parsed.port);
  if (error == std::errc() && end == last) return parsed;
  std::fprintf(stderr, "'%s' is not HOST:PORT with a port from 0 to 65535\n", place.c_str());
  std::exit(2);
}

}  // namespace example
