// How far the reader of a direction has got, kept in a file of its own: written by the reader, read by the writer,
// who must not run too far ahead.
//
// Two slots in turn: while one is written the other holds, so neither a crash nor a look at the wrong moment finds
// none.
//
// The reader writes by stores where it can, of which nobody is told. So a writer that is about to sleep says so in
// the file, looks once more, and is woken by a pwrite(2) of the next position.
#pragma once

#include <optional>

#include <tenon/os/mapping.hpp>

#include "channel/file/place.hpp"

namespace tenon::filelog {

using wire::Position;

class PositionFile {
 public:
  /// For the listener, behind the door: a new one stands before the oldest segment that is there.
  static Result<void> make_if_missing(const Place& place, Direction direction);
  /// Errors: protocol_violation (neither slot is valid).
  static Result<PositionFile> open(const Place& place, Direction direction);

  Result<Position> read() const;

  // ---- The reader's

  /// From now on write() stores to the file's memory, if nobody can cut it and no disk can be too full for it.
  void write_by_stores();
  /// Writes it under the next count, and wakes a writer that waits for that. Whether that took a system call.
  /// Errors: resource_limit, system_error.
  Result<bool> write(Position position);

  // ---- The writer's

  /// The same as read(); `told` becomes false if the next position will not be told of.
  Result<Position> read(bool& told) const;
  /// Asks to be told of the next position. Look once more before sleeping. Errors: resource_limit, system_error.
  Result<void> ask_to_be_told() const;

  /// Returns once it is on the disk.
  Result<void> sync() const;
  int descriptor() const noexcept { return file_.get(); }

 private:
  PositionFile(const Place& place, Direction direction, os::Fd file) noexcept
      : place_(&place), direction_(direction), file_(std::move(file)) {}

  const Place* place_;
  Direction direction_;
  os::Fd file_;
  std::optional<os::Mapping> page_;  ///< what write() stores to
  std::uint64_t count_ = 0;          ///< of the slot written last
};

}  // namespace tenon::filelog
