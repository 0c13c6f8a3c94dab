// Being told when a file or a folder changes, instead of asking again and again.
//
// Source: inotify(7). It reports what is done through this machine's file system calls: changes made through
// a memory mapping, or by another machine on a network file system, stay unseen.
#pragma once

#include <cstdint>
#include <deque>
#include <string>

#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>

namespace tenon::os {

enum class Change : std::uint8_t {
  created,   ///< in a folder: a name was made, or moved in
  modified,  ///< bytes were written or the file was truncated; several writes may be one event
  removed,   ///< in a folder: a name was removed or moved out. Of a file: it was moved, or removed and nobody
             ///< holds it open
  overflow,  ///< events were lost, too many waited (/proc/sys/fs/inotify/max_queued_events): look at
             ///< everything again
};

struct FileEvent {
  Change change;
  std::string name;  ///< the name in the watched folder; empty when the watched object itself is meant
};

/// Collects changes from its creation on, so look at the state after creating it, and then wait. One thread
/// at a time. Costs one descriptor and one of the user's /proc/sys/fs/inotify/max_user_instances (often 128).
class TENON_EXPORT FileWatch {
 public:
  /// Watches one file: modified, removed. It goes on watching that file when its name is given to another.
  /// Errors: not_found, permission_denied (it must be readable), resource_limit (the text names the limit).
  static Result<FileWatch> of_file(const std::string& path);
  /// The same for an open file, whatever its name is by now.
  static Result<FileWatch> of_open_file(int fd);
  /// Watches the names in a folder, not those in folders within it: created, modified, removed.
  /// Errors: as of_file(); invalid_argument (no folder).
  static Result<FileWatch> of_folder(const std::string& path);

  /// The next change, waiting for it. Errors: timed_out, cancelled, not_found (the watch has ended: after
  /// `removed` of the watched object itself nothing more comes).
  Result<FileEvent> next(Deadline deadline = Deadline::never());

  /// Readable when changes wait: then call next(Deadline::now()) until it gives timed_out, for it reads
  /// several at once.
  int poll_fd() const noexcept { return inotify_.get(); }

 private:
  explicit FileWatch(Fd inotify) noexcept : inotify_(std::move(inotify)) {}
  static Result<FileWatch> watch(const std::string& path, std::uint32_t mask, const std::string& subject);
  Result<void> read_events(Deadline deadline);

  Fd inotify_;
  std::deque<FileEvent> waiting_;
  bool ended_ = false;
};

/// Waits until something of that name is there; its folder must exist. Says nothing about what it is.
/// Errors: timed_out, cancelled, not_found (the folder), and those of FileWatch::of_folder().
TENON_EXPORT Result<void> wait_until_exists(const std::string& path, Deadline deadline = Deadline::never());

}  // namespace tenon::os
