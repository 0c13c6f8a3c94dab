// The place of a named pipe that a process listens at: taking it without stealing it from the living, and giving it
// back. And named pipes by descriptor: opened without following a link, without hanging, without a race.
#pragma once

#include <cstdint>
#include <memory>
#include <optional>
#include <string>
#include <string_view>

#include <tenon/error.hpp>
#include <tenon/os/fd.hpp>

#include "os/claim.hpp"
#include "os/fifo_folder.hpp"
#include "os/name_lock.hpp"
#include "os/trusted_owner.hpp"

namespace tenon::os {

/// The named pipe at `place`, as a descriptor that is no end of it (O_PATH). Errors: no_one_there (nothing is
/// there), permission_denied (a symbolic link, or an owner who is not trusted), invalid_argument (it is
/// something else).
Result<Fd> find_fifo(const std::string& place, const TrustedOwner& trusted);

enum class FifoAccess : std::uint8_t { read, write, both };

/// Opens an end of it, without waiting. None on failure, and errno tells: ENXIO for `write` while nobody reads.
Fd open_fifo_end(int object, FifoAccess access) noexcept;

/// A listener's pipe, to write a request to. Errors: those of find_fifo, no_one_there (nobody reads it).
Result<Fd> open_door(const std::string& place, const TrustedOwner& trusted);

/// A named pipe in the file system that is ours until destruction, which removes it, if it is still the same.
class FifoPlace {
 public:
  struct Options {
    unsigned mode = 0600;  ///< exact, whatever the umask
    int group = -1;
  };

  /// The pipe to which other programs write, or from which they read. One of our own user's that is there already
  /// is taken over, with whoever has it open: a program may have come before us. Errors: address_in_use,
  /// permission_denied, already_exists (something else is there), those of Claim.
  static Result<std::unique_ptr<FifoPlace>> take_plain(std::string_view place, const Options& options);

  /// A pipe for requests, with a folder for those who make them; it appears at its place when both are ready.
  /// A stale one is replaced. Who may write to it may make names in the folder; nobody but its owner may read
  /// either, whatever the mode says. Errors: as above.
  static Result<std::unique_ptr<FifoPlace>> take_door(std::string_view place, const Options& options);

  FifoPlace(const FifoPlace&) = delete;
  FifoPlace& operator=(const FifoPlace&) = delete;
  ~FifoPlace();

  /// The pipe, as find_fifo gives it.
  int object() const noexcept { return object_.get(); }
  /// Of a door.
  FifoFolder& folder() noexcept { return *folder_; }
  /// A door's, open for reading, and for writing so that it never ends.
  int requests() const noexcept { return requests_.get(); }

 private:
  explicit FifoPlace(Claim claim) noexcept : claim_(std::move(claim)) {}

  Result<void> look(bool replace);
  Result<void> make(int folder, const char* name);
  Result<void> equip(unsigned mode, int group);
  Result<void> publish();
  bool is_ours() const noexcept;

  Claim claim_;
  Fd object_;
  std::optional<FifoFolder> folder_;
  std::optional<NameLock> lock_;
  Fd requests_;
};

}  // namespace tenon::os
