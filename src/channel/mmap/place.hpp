// The file of a channel in a mapped file: making and finding it, who sits in its seats, and what is left in it. Shared
// by a listener and its channel; the last to leave a file with nothing unread removes it.
//
// Does not move messages.
#pragma once

#include <memory>
#include <mutex>
#include <string>

#include <tenon/deadline.hpp>
#include <tenon/os/mapping.hpp>

#include "channel/mmap/layout.hpp"
#include "channel/mmap/mmap_options.hpp"
#include "channel/mmap/recovery.hpp"
#include "os/claim.hpp"
#include "os/file_io.hpp"
#include "os/nudge.hpp"
#include "shm/memory.hpp"

namespace tenon::mapped {

class Place {
 public:
  /// Takes the listener's seat, making the file unless one with something unread is there. Errors: address_in_use,
  /// permission_denied, invalid_argument (something else is there), protocol_violation (another version, or damage),
  /// resource_limit (no room), timed_out (somebody stopped in the middle of coming or going).
  static Result<std::shared_ptr<Place>> listen(const std::string& path, const MmapOptions& options);
  /// Takes the connector's seat, waiting for it. Errors: no_one_there, permission_denied, invalid_argument,
  /// protocol_violation, timed_out, cancelled.
  static Result<std::shared_ptr<Place>> connect(const std::string& path, const MmapOptions& options,
                                                Deadline deadline);
  Place(const Place&) = delete;
  Place& operator=(const Place&) = delete;
  /// Leaves the seat.
  ~Place();

  Role role() const noexcept { return role_; }
  int fd() const noexcept { return fd_.get(); }
  std::uint64_t capacity() const noexcept { return capacity_; }
  FileHeader& header() const noexcept { return header_.at<FileHeader>(0); }
  Seat& seat(Role role) const noexcept {
    return role == Role::listener ? header().listener : header().connector;
  }
  std::uint64_t state(Role role) const noexcept {
    return shm::Memory::load_acquire(&seat(role).state);  // SYNC: said in a seat
  }

  /// Whether somebody alive has the other seat.
  Result<bool> is_other_there() const { return os::is_byte_locked(fd(), seat_offset(other(role_))); }
  /// Says in our seat what we are at, and wakes whoever waits for that.
  void announce(std::uint64_t session, Stage stage) const noexcept;
  /// What a peer needs to know of us: before a session begins.
  void introduce(std::uint64_t takes, bool fences) const noexcept;

  /// Makes both rings ready for a session and says in the header where it begins. For the listener, while a connector
  /// waits for its answer. Errors: protocol_violation (damage), resource_limit; then nothing was lost.
  Result<void> make_ready() const;

  // A listener has one channel at a time: these may be called from two threads.

  bool has_channel() const;
  void begin_channel(std::uint64_t session);
  /// Others see us leave the session.
  void end_channel(std::uint64_t session) noexcept;

 private:
  Place(os::Claim claim, Role role) noexcept : claim_(std::move(claim)), role_(role) {}

  Result<bool> take_what_is_there(const MmapOptions& options);
  Result<bool> make(const MmapOptions& options);
  Result<bool> try_seat(os::Fd& file);
  Result<void> use(os::Fd file, std::uint64_t capacity);
  Result<std::uint64_t> check(int file) const;
  Result<std::uint64_t> sum_of_unread() const;
  Result<void> go_on();
  Result<Leftover> look(const os::Mapping& all, Role reader) const;
  Error taken_by(Role role, int file) const;
  void leave() noexcept;

  os::Claim claim_;
  Role role_;
  os::Fd fd_;
  os::Mapping header_;
  std::uint64_t capacity_ = 0;
  bool seated_ = false;
  mutable std::mutex channel_mutex_;
  bool has_channel_ = false;
};

}  // namespace tenon::mapped
