// The number by which unrelated processes find a System V object, made from a file that both see (ftok(3)).
//
// Owns nothing: neither the file nor any object. System V queues and System V shared memory both use it.
#pragma once

#include <string>

#include <tenon/error.hpp>
#include <tenon/export.hpp>

namespace tenon::os {

/// A System V key (key_t). A value: copy it.
///
/// Traps: the key holds only 16 bits of the inode and 8 of the device, so two files can give the same key
/// (ftok(3), NOTES); and a file that is removed and made again can give another key, so that programs
/// started before and after no longer meet. Queues and memory have separate tables: one key can name one of
/// each.
class TENON_EXPORT SysvKey {
 public:
  /// The key that every program, in any language, gets from ftok(`path`, `project`). `path` must exist; its
  /// contents and mode do not matter. `project` is 1 to 255: ftok(3) uses its low eight bits only. Errors:
  /// not_found (no such file), permission_denied (a folder on the way), invalid_argument (`project`).
  static Result<SysvKey> from_path(std::string path, int project);

  /// A key that somebody else computed, or chose: any number but 0, which is what make_private() gives.
  static SysvKey from_value(int value) noexcept { return SysvKey(value); }

  /// IPC_PRIVATE: each create() with it makes a new object that no key finds; it is reached by its id, or by
  /// a child that inherits it.
  static SysvKey make_private() noexcept { return SysvKey(0); }

  /// The key_t, for the system's own calls.
  int value() const noexcept { return value_; }
  bool is_private() const noexcept { return value_ == 0; }
  /// As ipcs(1) prints it, e.g. `0x2a01e3f5`; `private` for make_private().
  std::string to_string() const;

  friend bool operator==(SysvKey, SysvKey) noexcept = default;

 private:
  explicit SysvKey(int value) noexcept : value_(value) {}
  int value_;
};

}  // namespace tenon::os
