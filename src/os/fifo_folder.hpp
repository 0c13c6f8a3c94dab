// The folder beside a listener's named pipe, in which each client makes two pipes of its own under an unguessable
// name: one to the listener, one from it.
#pragma once

#include <array>
#include <string>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

#include "os/claim.hpp"

namespace tenon::os {

struct TrustedOwner;

/// 128 random bits in hexadecimal: the name of a client's pipes.
using FifoToken = std::array<char, 32>;

/// getrandom(2). Errors: system_error.
Result<FifoToken> random_token();

/// Two ends: what we read from, and what we write to.
struct FifoEnds {
  Fd in;
  Fd out;
};

/// The listener's side.
class FifoFolder {
 public:
  /// Makes `NAME.tenon` beside the claimed name, or takes one that an earlier listener left, and removes what
  /// its clients left. 0700, and those who may write to the pipe (`mode`, `group`) may make names in it, but not
  /// list it. Errors: permission_denied (another user's, or a link), already_exists (no folder).
  static Result<FifoFolder> make(const Claim& claim, unsigned mode, int group);

  /// Under which the listener's own pipe is made ready in it.
  static constexpr const char* door_name = "door";

  FifoFolder(FifoFolder&&) noexcept = default;
  FifoFolder& operator=(FifoFolder&&) = delete;

  int fd() const noexcept { return fd_.get(); }

  /// Our ends of the pipes of that name, whose names are gone afterwards in any case. A client that cannot be
  /// served is told so by the end of what it reads. Errors: no_one_there (the client is gone, or what it made is
  /// not what it should be), resource_limit.
  Result<FifoEnds> open(const FifoToken& token);

  /// Removes the pipes that clients left, and then the folder, unless somebody else has put something into it.
  void remove(const Claim& claim) noexcept;

 private:
  FifoFolder(std::string name, Fd fd, Fd reserve, bool others) noexcept
      : name_(std::move(name)), fd_(std::move(fd)), reserve_(std::move(reserve)), others_(others) {}

  Result<Fd> open_checked(const char* name, int access, unsigned allowed) const;
  void turn_away(const FifoToken& token) noexcept;
  void sweep() const noexcept;

  std::string name_;
  Fd fd_;
  Fd reserve_;  ///< keeps a descriptor's number free, to turn a client away at the limit
  bool others_;
};

/// A client's side: its two pipes, and their names until the listener has taken them.
class FifoPair {
 public:
  /// Makes both under `token` in the folder that belongs to `place`. It can be written to at once: until
  /// listener_came() it has a reader of its own. Errors: no_one_there (no such folder), permission_denied,
  /// resource_limit.
  static Result<FifoPair> make(const std::string& place, const TrustedOwner& trusted, const FifoToken& token);

  FifoPair(FifoPair&&) noexcept = default;
  FifoPair& operator=(FifoPair&&) = delete;
  ~FifoPair() { forget(); }

  /// To be moved out.
  FifoEnds ends;

  /// The listener has its ends.
  void listener_came() noexcept;
  /// Removes the names.
  void forget() noexcept;

 private:
  FifoPair(Fd folder, const FifoToken& token) noexcept : folder_(std::move(folder)), token_(token) {}

  Fd folder_;
  FifoToken token_;
  Fd own_reader_;
};

}  // namespace tenon::os
