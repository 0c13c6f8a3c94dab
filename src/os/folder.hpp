// An open folder, and the files in it by their bare names: nothing that happens to the path above it changes which
// folder is meant, and no name in it leads anywhere else.
#pragma once

#include <cstdint>
#include <string>
#include <vector>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// Whose an object is, and who may do what with it.
struct Ownership {
  int user = -1;      ///< -1, when it is to be set: leave it
  int group = -1;     ///< likewise
  unsigned mode = 0;  ///< permission bits
};

class Folder {
 public:
  /// The folder at `path`, whoever owns it. Errors: not_found, permission_denied (a symbolic link too),
  /// invalid_argument (no folder).
  static Result<Folder> open(const std::string& path);
  /// Makes it with exactly `mode`, whatever the umask. Errors: already_exists (whatever stands there), not_found (the
  /// folder above), permission_denied, resource_limit.
  static Result<Folder> make(const std::string& path, unsigned mode);

  const std::string& path() const noexcept { return path_; }
  Result<Ownership> ownership() const;
  Result<void> set_ownership(const Ownership& wanted) const;

  /// The plain file of that name, for reading and writing. Errors: not_found, permission_denied (a symbolic link too),
  /// invalid_argument (no plain file).
  Result<Fd> open_file(const std::string& name) const;
  /// Makes it so, whatever the umask. Errors: already_exists, permission_denied, resource_limit.
  Result<Fd> make_file(const std::string& name, const Ownership& wanted) const;
  /// Every name in it, in no order. Errors: permission_denied, resource_limit.
  Result<std::vector<std::string>> names() const;
  void remove_file(const std::string& name) const noexcept;
  /// Removes the folder itself if it is empty and still at its path.
  void remove() const noexcept;
  /// Returns once the names in it are on the disk. fsync(2).
  Result<void> sync() const;
  /// Likewise its own name: fsync(2) of the folder above.
  Result<void> sync_name() const;

 private:
  Folder(std::string path, Fd fd) noexcept : path_(std::move(path)), fd_(std::move(fd)) {}
  Error failed(std::string_view operation, const std::string& name, int cause) const;

  std::string path_;  ///< from the root, so that it outlives a change of the working folder
  Fd fd_;
};

/// Whose the open file is.
Result<Ownership> ownership_of(int fd);
/// Makes it so, as far as it is not. `path` is for errors.
Result<void> set_ownership_of(int fd, const Ownership& wanted, const std::string& path);

}  // namespace tenon::os
