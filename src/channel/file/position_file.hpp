// How far the reader of a direction has got, kept in a file of its own: written by the reader, read by the writer,
// who must not run too far ahead.
//
// Two slots in turn: while one is written the other holds, so neither a crash nor a look at the wrong moment finds
// none.
#pragma once

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
  /// Writes it under the next count. Errors: resource_limit, system_error.
  Result<void> write(Position position);
  /// Returns once it is on the disk.
  Result<void> sync() const;
  int descriptor() const noexcept { return file_.get(); }

 private:
  PositionFile(const Place& place, Direction direction, os::Fd file) noexcept
      : place_(&place), direction_(direction), file_(std::move(file)) {}

  const Place* place_;
  Direction direction_;
  os::Fd file_;
  std::uint64_t count_ = 0;  ///< of the slot written last
};

}  // namespace tenon::filelog
