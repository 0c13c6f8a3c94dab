// What failed, at what, and what to do about it. Every fallible function of tenon returns Result<T>.
//
// Three kinds of failure are kept apart: a bug in the caller is an assertion; a failed environment and an expected
// outcome (closed, timed out) are both an Error, told apart by their code.
#pragma once

#include <cstdint>
#include <expected>
#include <memory>
#include <string>
#include <string_view>
#include <utility>

#include <tenon/export.hpp>

namespace tenon {

/// What a program may want to decide by. The number is stable: it may be logged or sent.
enum class Errc : std::uint8_t {
  closed = 1,      ///< the other end closed in order; everything that it sent has been received
  timed_out,       ///< the deadline passed; nothing happened, try again
  cancelled,       ///< the Deadline's Canceller was used
  peer_died,       ///< the other end vanished without closing; everything that it committed has been received
  no_one_there,    ///< nobody listens at the address
  address_in_use,  ///< a living listener (or object) holds the address
  message_too_large,   ///< beyond the stated maximum; nothing was sent
  buffer_too_small,    ///< the caller's memory is too small; the message is still there
  permission_denied,   ///< the system, or an ownership check, refuses
  protocol_violation,  ///< the peer sent what the contract forbids; it has been disconnected
  invalid_argument,    ///< the call or the address makes no sense; the text says why
  unsupported,         ///< this transport, kernel or object cannot do that
  resource_limit,      ///< a limit of the process, user or machine: descriptors, memory, disk, queues
  not_found,           ///< no object of that name
  already_exists,      ///< an object of that name is there already
  system_error,        ///< anything else that the system reported: see system_errno()
};

/// The code's name as written above, e.g. "timed_out". Static storage.
TENON_EXPORT std::string_view to_string(Errc code) noexcept;

/// The texts of an error that are not fixed. Shared, so that an object which fails often (a receive that times
/// out in a loop) can make them once and copying an Error allocates nothing.
struct ErrorText {
  std::string subject;  ///< what it was done to: an address, a path, a limit
  std::string advice;   ///< the cause in words and what to do; may be empty
};

/// A failure. Cheap to copy. Immutable, so it may be shared between threads.
class TENON_EXPORT Error {
 public:
  /// `operation` must have static storage duration (a literal): it is kept by reference.
  Error(Errc code, std::string_view operation, std::string subject, std::string advice = {},
        int system_errno = 0);
  /// Without a subject: for a caller that adds it with with(), or on a path that must not allocate.
  Error(Errc code, std::string_view operation) noexcept
      : code_(code), system_errno_(0), operation_(operation) {}
  Error(Errc code, std::string_view operation, std::shared_ptr<const ErrorText> text,
        int system_errno = 0) noexcept
      : code_(code), system_errno_(system_errno), operation_(operation), text_(std::move(text)) {}

  /// The Errc that fits `system_errno` in general; `advice` defaults to general advice for it where there is any.
  static Error from_errno(std::string_view operation, std::string subject, int system_errno,
                          std::string advice = {});

  Errc code() const noexcept { return code_; }
  /// errno of the system call behind it, or 0.
  int system_errno() const noexcept { return system_errno_; }
  std::string_view operation() const noexcept { return operation_; }
  std::string_view subject() const noexcept { return text_ ? std::string_view(text_->subject) : ""; }
  std::string_view advice() const noexcept { return text_ ? std::string_view(text_->advice) : ""; }

  /// One line for a person: `operation subject: cause: what to do`.
  std::string message() const;

  /// The same failure, seen from a caller that knows better what was being done.
  Error with(std::string_view operation, std::string subject, std::string advice = {}) const;

 private:
  Errc code_;
  int system_errno_;
  std::string_view operation_;
  std::shared_ptr<const ErrorText> text_;
};

/// A value, or why there is none.
template <typename T = void>
using Result = std::expected<T, Error>;

}  // namespace tenon
