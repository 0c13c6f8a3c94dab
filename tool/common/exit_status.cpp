#include "common/exit_status.hpp"

#include "os/signals.hpp"

namespace tool {

int exit_status(tenon::Errc code) noexcept {
  using enum tenon::Errc;
  switch (code) {
    case invalid_argument:
      return exit_usage;
    case timed_out:
      return exit_timed_out;
    case no_one_there:
      return exit_no_one_there;
    case peer_died:
      return exit_peer_died;
    case message_too_large:
      return exit_too_large;
    case permission_denied:
      return exit_permission;
    case protocol_violation:
      return exit_protocol;
    case cancelled:
      return stopping_signal() != 0 ? exit_signal + stopping_signal() : exit_failure;
    default:
      return exit_failure;
  }
}

}  // namespace tool
