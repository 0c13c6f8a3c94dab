// Who has a name in a folder, for objects that cannot be asked (a named pipe): a lock that the kernel drops with
// its holder, and that tells the holder's pid.
#pragma once

#include <cstdint>
#include <optional>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

#include "os/claim.hpp"

namespace tenon::os {

/// An open-file-description lock (F_OFD_SETLK, fcntl(2)) on the *folder*, of a range that stands for the object
/// behind the name: 2^22 bytes for each inode number, of which as many are locked as the holder's pid says. So
/// it needs no file of its own, and what it says about pid is as true as the holder made it. A folder can only
/// be locked for reading, and such locks do not exclude each other: look and take while the folder is locked
/// (Claim::lock).
class NameLock {
 public:
  /// `object` is a descriptor of what the name stands for. Errors: unsupported (the file system has no locks).
  static Result<NameLock> take(const Claim& claim, int object);

  /// Whether somebody holds it, and which process, if that can be believed: it runs as the object's owner.
  struct Holder {
    std::optional<int> pid;
  };
  static Result<std::optional<Holder>> holder(const Claim& claim, int object);

  NameLock(NameLock&&) noexcept = default;
  NameLock& operator=(NameLock&&) = delete;
  ~NameLock();

 private:
  NameLock(Fd folder, std::uint64_t inode) noexcept : folder_(std::move(folder)), inode_(inode) {}

  Fd folder_;  ///< the same opening as the claim's
  std::uint64_t inode_;
};

}  // namespace tenon::os
