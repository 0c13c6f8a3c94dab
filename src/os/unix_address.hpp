// A place ("path" or "@name") as the kernel takes it: sockaddr_un with its 108 bytes, and the way around
// them. Opens no socket.
#pragma once

#include <sys/socket.h>
#include <sys/un.h>
#include <string>
#include <string_view>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/unix_socket.hpp>

namespace tenon::os {

/// sockaddr_un and its length. A path beyond sun_path goes through /proc/self/fd, by a descriptor that this
/// holds.
class UnixAddress {
 public:
  /// The longest path or abstract name (without its '@') that fits: a zero byte goes with either.
  static constexpr std::size_t max_length = sizeof(sockaddr_un{}.sun_path) - 1;

  /// Of the socket that is at `place` now, for connecting to it: bound to that very object, so that a
  /// symbolic link put there afterwards is not followed. Errors: no_one_there, permission_denied (a symbolic
  /// link), invalid_argument.
  static Result<UnixAddress> of_existing(std::string_view operation, std::string_view place);
  /// "@name". Errors: invalid_argument.
  static Result<UnixAddress> of_abstract(std::string_view operation, std::string_view place);
  /// A path of at most max_length bytes.
  static UnixAddress of_short_path(std::string_view path) noexcept;

  const sockaddr* get() const noexcept { return reinterpret_cast<const sockaddr*>(&address_); }
  socklen_t length() const noexcept { return length_; }

 private:
  UnixAddress() noexcept { address_.sun_family = AF_UNIX; }
  sockaddr_un address_{};
  socklen_t length_ = 0;
  Fd object_;
};

inline bool is_abstract(std::string_view place) noexcept {
  return place.starts_with('@');
}

/// The inverse, for what the kernel reports; empty for a socket without a name.
std::string place_of(const sockaddr_un& address, socklen_t length);

/// SOCK_STREAM and so on.
int kernel_type(SocketType type) noexcept;

/// "a regular file", "a folder"… of st_mode, for an error's text.
std::string_view kind_of_file(unsigned mode) noexcept;

}  // namespace tenon::os
