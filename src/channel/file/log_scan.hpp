// Looking through segments without taking anything: from one record's header to the next, payloads left out.
#pragma once

#include <optional>
#include <vector>

#include "channel/file/place.hpp"

#include "wire/file_log.hpp"

namespace tenon::filelog {

/// A segment that is open, its first line checked.
struct Segment {
  os::Fd file;
  wire::SegmentHeader header;
  std::uint32_t checksum = 0;  ///< from which those of its records go on
};

/// Empty: its maker was killed before the first line was whole. Errors: not_found, protocol_violation.
Result<std::optional<Segment>> open_segment(const Place& place, Direction direction, std::uint64_t number);

class RecordScan {
 public:
  enum class Step : std::uint8_t {
    record,   ///< header() and offset() are those of the next one, and all of it is there
    end,      ///< the file ends behind a record
    torn,     ///< it ends inside one: its writer was killed, or is at it
    damaged,  ///< no record, and not the beginning of one
  };

  RecordScan(const Segment& segment, std::uint64_t offset, std::uint64_t next);

  Result<Step> step();
  const wire::RecordHeader& header() const noexcept { return header_; }
  /// Of the record that step() found; after any other answer: where the whole records end.
  std::uint64_t offset() const noexcept { return offset_; }
  /// The number of the message that comes next.
  std::uint64_t next() const noexcept { return next_; }

 private:
  Result<bool> load(std::uint64_t offset, std::size_t size);

  const Segment& segment_;
  std::uint64_t offset_;
  std::uint64_t next_;
  std::uint64_t end_;       ///< where the record behind the current one begins
  std::uint64_t size_ = 0;  ///< of the file, as far as it was looked at
  wire::RecordHeader header_;
  std::vector<std::byte> buffer_;
  std::uint64_t buffered_at_ = 0;
  std::size_t buffered_ = 0;
};

/// Whether `bytes` at the end of a file are zeros only: what a machine that went down may leave there.
Result<bool> is_zero_from(int fd, std::uint64_t offset);

/// Whether a message waits behind the position of that direction; true when that cannot be told.
bool has_unread(const Place& place, Direction direction);

/// Whether the writer of that direction ended `session` in order.
bool ended_in_order(const Place& place, Direction direction, std::uint64_t session);

}  // namespace tenon::filelog
