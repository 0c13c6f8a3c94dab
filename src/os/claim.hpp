// Taking a name in a folder: the folder is looked at, locked while it is decided who has the name, and named in
// every error. What the name stands for (a socket, a named pipe) is the caller's.
#pragma once

#include <string>
#include <string_view>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// What every step needs to know, so that each error names the same operation and place.
struct Claim {
  std::string_view operation;
  std::string_view noun;  ///< of what is to stand there: "socket"
  std::string place;
  std::string folder_path = {};
  std::string name = {};
  Fd folder = {};

  /// Splits `place` and opens its folder. One in which anybody could put another object in place of ours is
  /// refused. Errors: not_found, permission_denied, invalid_argument.
  static Result<Claim> open(std::string_view operation, std::string_view noun, std::string_view place);

  /// flock(2) on the folder, waiting at most 1 s. Unlock by hand, not by closing: a child forked meanwhile by
  /// another thread shares the lock. Errors: timed_out.
  Result<void> lock() const;
  /// The same without a text: 0 or the cause, ETIMEDOUT for the 1 s.
  int try_lock() const noexcept;
  void unlock() const noexcept;

  Error refuse(Errc code, std::string advice, int system_errno = 0) const {
    return {code, operation, place, std::move(advice), system_errno};
  }
  /// As errno says.
  Error failed(std::string advice = {}) const;
};

}  // namespace tenon::os
