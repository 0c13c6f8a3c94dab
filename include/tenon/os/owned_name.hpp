// A name in the file system that goes when its owner goes, and whom to trust at a name that others made.
#pragma once

#include <cstdint>
#include <string>
#include <utility>

#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

/// Whose object may stand at a path that is opened. Whoever made it can read it, change it, or stand in for
/// the peer.
enum class Trust : std::uint8_t {
  own_or_root,  ///< made by this process's effective user, or by root; anything else is permission_denied
  anyone,       ///< whoever made it: only where its folder, mode or content makes that safe
};

/// Removes a path on destruction, unless it names another object by then: somebody replaced it, and theirs is
/// not ours to remove. Move-only. A process that ends by kill -9 leaves its names.
///
/// It holds a descriptor of the object, so that the kernel cannot reuse its number for another. Between the
/// comparison and unlink(2) remains a moment in which whoever may write to the folder can replace the name;
/// in a folder of one's own, or a sticky one such as /tmp, nobody else may.
class TENON_EXPORT OwnedName {
 public:
  OwnedName() noexcept = default;
  /// `object` is any descriptor of what `path` names (O_PATH suffices).
  OwnedName(std::string path, Fd object) noexcept : path_(std::move(path)), object_(std::move(object)) {}
  OwnedName(OwnedName&& other) noexcept = default;
  OwnedName& operator=(OwnedName&& other) noexcept;
  ~OwnedName() { (void)remove(); }

  const std::string& path() const noexcept { return path_; }
  /// The descriptor of the object; -1 after remove() or keep().
  int descriptor() const noexcept { return object_.get(); }
  /// Removes the name now. True: it is gone by this call; false: it was gone, or names something else. Later
  /// calls, and the destructor, do nothing. Errors: permission_denied (the folder is not writable any more).
  Result<bool> remove() noexcept;
  /// Leaves the name where it is.
  void keep() noexcept { object_.reset(); }

 private:
  std::string path_;
  Fd object_;
};

}  // namespace tenon::os
