// A plain file at a path that two processes share: found without following a link, made so that it appears when it
// is ready, and removed only while it is still the same. Who may do so when is the caller's to know (Claim::lock()).
#pragma once

#include <string>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

#include "os/claim.hpp"
#include "os/trusted_owner.hpp"

namespace tenon::os {

/// The file at the place, for reading and writing; no descriptor when nothing is there. Errors: permission_denied (a
/// symbolic link, an owner who is not trusted, no permission), invalid_argument (something else).
Result<Fd> find_file(const Claim& claim, const TrustedOwner& trusted);

/// Removes the name, if it is the open file's.
void remove_name(const Claim& claim, int fd) noexcept;

/// A file without a name (O_TMPFILE, open(2)), or where the file system has none of those under a name of this
/// process, until publish(). Move-only.
class NewFile {
 public:
  /// Only its owner may open it. Errors: permission_denied, resource_limit.
  static Result<NewFile> create(const Claim& claim);
  NewFile(NewFile&& other) noexcept = default;
  NewFile& operator=(NewFile&&) = delete;
  ~NewFile();

  int fd() const noexcept { return fd_.get(); }
  /// Gives it the claim's name. False: something stands there by now, and nothing has changed.
  Result<bool> publish();
  Fd release() noexcept { return std::move(fd_); }

 private:
  NewFile(const Claim& claim, Fd fd, std::string name) noexcept
      : claim_(&claim), fd_(std::move(fd)), name_(std::move(name)) {}

  const Claim* claim_;
  Fd fd_;
  std::string name_;  ///< for the time being; empty for none
};

}  // namespace tenon::os
