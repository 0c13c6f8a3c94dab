// The folder of a channel over files: its names, who is there, and who may come. Shared by a listener and its
// channel; the last to leave an empty one removes it.
//
// Does not know what is in the logs, but for whether anything in them is unread.
#pragma once

#include <memory>
#include <mutex>
#include <optional>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/deadline.hpp>

#include "channel/file/file_options.hpp"
#include "os/folder.hpp"
#include "wire/file_log.hpp"

namespace tenon::filelog {

using wire::Presence;
using wire::Role;
using wire::Stage;

enum class Direction : std::uint8_t { to_listener, to_connector };

constexpr Direction outgoing(Role role) noexcept {
  return role == Role::listener ? Direction::to_connector : Direction::to_listener;
}
constexpr Direction incoming(Role role) noexcept {
  return role == Role::listener ? Direction::to_listener : Direction::to_connector;
}
constexpr Role other(Role role) noexcept {
  return role == Role::listener ? Role::connector : Role::listener;
}

class Place {
 public:
  /// Takes the listener's seat, making the folder if there is none. Errors: address_in_use, permission_denied,
  /// invalid_argument (something else is there), protocol_violation (what is there is damaged), timed_out (somebody
  /// stopped in the middle of coming or going).
  static Result<std::shared_ptr<Place>> listen(const std::string& path, const FileOptions& options);
  /// Takes the connector's seat, waiting for it. Errors: no_one_there, permission_denied, invalid_argument,
  /// protocol_violation, timed_out, cancelled.
  static Result<std::shared_ptr<Place>> connect(const std::string& path, const FileOptions& options,
                                                Deadline deadline);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  /// Leaves the seat.
  ~Place();

  Role role() const noexcept { return role_; }
  const os::Folder& folder() const noexcept { return folder_; }
  /// To be watched: it changes when somebody comes, goes or answers.
  int descriptor() const noexcept { return tenon_.get(); }

  /// What the line of `role` says. Errors: protocol_violation (damaged), system_error.
  Result<Presence> presence(Role role) const;
  /// Writes our own.
  Result<void> announce(std::uint64_t session, Stage stage, std::uint64_t takes) const;
  /// Whether somebody alive has the other seat.
  Result<bool> is_other_there() const;

  // A listener has one channel at a time, and both write its line: these may be called from two threads.

  bool has_channel() const;
  /// Answers the call of `session`.
  Result<void> begin_channel(std::uint64_t session, std::uint64_t takes);
  void end_channel(std::uint64_t session, std::uint64_t takes) noexcept;

  // ---- Files

  Result<os::Fd> open_file(const std::string& name) const;
  /// Readable and writable for those who may use the channel.
  Result<os::Fd> make_file(const std::string& name) const;
  /// The numbers of the segments that are there, ascending.
  Result<std::vector<std::uint64_t>> segments(Direction direction) const;
  /// Returns once the folder, its names and the file `tenon` are on the disk.
  Result<void> sync() const;
  /// Where in which file something is wrong.
  Error damaged(const std::string& name, std::uint64_t offset, std::string_view what) const;

 private:
  Place(os::Folder folder, Role role) noexcept : folder_(std::move(folder)), role_(role) {}

  Result<void> check_folder(const FileOptions& options);
  Result<void> open_or_make(const FileOptions& options, bool made);
  Result<void> settle(const FileOptions& options, bool made);
  Result<void> look_around();
  Result<void> fill_in(bool made) const;
  Result<void> make_positions() const;
  Result<bool> try_seat(bool& taken) const;
  Result<bool> is_seat_taken() const;
  Result<void> lock_door(Deadline deadline) const;
  void unlock_door() const noexcept;
  void leave() noexcept;
  void remove_all() const;
  Error taken_by(Role role) const;

  os::Folder folder_;
  Role role_;
  os::Fd tenon_;
  os::Ownership ownership_;  ///< that of the file `tenon`: what every other file gets
  unsigned folder_user_ = 0;
  bool others_may_write_ = false;
  bool seated_ = false;
  std::optional<std::string> owner_;
  mutable std::mutex channel_mutex_;
  bool has_channel_ = false;
};

std::string segment_name(Direction direction, std::uint64_t number);
std::string position_name(Direction direction);

}  // namespace tenon::filelog
