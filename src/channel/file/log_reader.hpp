// The reading half of a channel over files: many records in one read, small messages in place, large ones straight
// to theirs; nothing that is not whole and as it was written gets through.
//
// Does not wait. One thread at a time.
#pragma once

#include <cstdint>
#include <optional>
#include <vector>

#include <tenon/channel.hpp>

#include "channel/file/log_scan.hpp"
#include "channel/file/position_file.hpp"
#include "channel/segment.hpp"

namespace tenon::filelog {

class LogReader {
 public:
  /// Goes on where the last reader stopped. The writer of `session` must have made its segment. `place` must outlive
  /// it. Errors: protocol_violation, resource_limit, …
  static Result<LogReader> open(const Place& place, Direction direction, std::uint64_t session,
                                const FileOptions& options);

  enum class Front : std::uint8_t {
    nothing,  ///< no whole record yet
    message,
    closed,  ///< the writer has ended this session
  };
  /// What comes next, as far as it is there. Errors: protocol_violation (with file and offset), resource_limit (a
  /// message beyond our maximum, of an earlier session), system_error.
  Result<Front> look();
  /// After look() has found a message: its size.
  std::uint64_t size() const noexcept { return front_->length; }

  /// Whether it is too long for the buffer that several share.
  bool is_long() const noexcept;

  /// Takes it, into memory of at least its size. Errors: protocol_violation, system_error.
  Result<void> take(ByteSpan into);
  /// Takes it in place. Errors: likewise, and resource_limit.
  Result<Message> take();

  /// What was taken so far counts as read: it is not received again. Removes segments that are behind us.
  Result<void> commit();

  /// The segment that is read, to be watched, and its number: another one may come with any look().
  int descriptor() const noexcept { return segment_.file.get(); }
  std::uint64_t segment_number() const noexcept { return segment_.header.number; }
  /// Counters of this half; `sent` stays zero.
  const Statistics::Direction& statistics() const noexcept { return counts_; }

 private:
  LogReader(const Place& place, Direction direction, std::uint64_t session, const FileOptions& options,
            PositionFile position) noexcept
      : place_(&place),
        direction_(direction),
        session_(session),
        max_message_size_(options.channel.max_message_size),
        sync_(options.sync),
        position_(std::move(position)) {}

  Result<void> go_to(const Position& position);
  Result<void> go_on();
  Result<void> enter(Segment segment, std::uint64_t offset) noexcept;
  void empty_buffer() noexcept;
  Result<std::optional<Front>> look_at_front();
  Result<std::optional<Front>> look_at_message(const wire::RecordHeader& header);
  Result<std::optional<Front>> at_the_end();
  Result<std::optional<Front>> not_as_written(std::string_view what);
  bool is_whole(const wire::RecordHeader& header) const noexcept;
  Result<void> read_long(std::byte* to);
  Result<bool> have(std::size_t size);
  Result<void> make_room(std::size_t size);
  void step_over(std::uint64_t size) noexcept;
  void count(std::uint64_t size) noexcept;
  Error unreadable(int cause) const;

  const Place* place_;
  Direction direction_;
  std::uint64_t session_;
  std::uint64_t max_message_size_;
  bool sync_;
  PositionFile position_;
  Position committed_;

  Segment segment_;
  std::uint64_t at_ = 0;    ///< in the file: where the record in front begins
  std::uint64_t next_ = 1;  ///< number of the next message
  SegmentPtr
      buffer_;  ///< what was read and not yet taken: [begin_, end_), of which begin_ is at_; begin_ is a multiple of 8
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  int rereads_ = 0;  ///< of what is in front
  std::optional<wire::RecordHeader> front_;
  bool closed_ = false;
  SegmentPtr spare_;        ///< the one before, to be used again
  SegmentPtr large_;        ///< memory of the last long message, used again when it fits
  SegmentPtr spare_large_;  ///< of the one before
  std::vector<std::uint64_t> passed_;
  Statistics::Direction counts_;
};

}  // namespace tenon::filelog
