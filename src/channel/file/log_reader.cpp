#include "channel/file/log_reader.hpp"

#include <algorithm>
#include <array>
#include <cstring>

#include "base/crc32c.hpp"
#include "base/try.hpp"
#include "os/file_io.hpp"

namespace tenon::filelog {
namespace {

constexpr std::size_t alignment = 8;
constexpr std::size_t buffer_size = 256U << 10;
/// Records beyond this size are read straight to their place.
constexpr std::uint64_t long_record = buffer_size / 2;
/// Less room than this in the buffer, and it is time to move what is left to its beginning.
constexpr std::size_t least_read = buffer_size / 4;
/// Long messages up to this size leave their memory for the next one.
constexpr std::size_t kept_size = 16U << 20;
/// How often what does not look right is read again: what a writer takes back and writes anew while we read may look
/// odd for a moment.
constexpr int max_rereads = 3;

std::unexpected<Error> no_memory(std::uint64_t size) {
  return std::unexpected(Error(Errc::resource_limit, "receive", {},
                               "no memory for a message of " + std::to_string(size) +
                                   " bytes; max-message-size= bounds what a peer may send"));
}

}  // namespace

Error LogReader::unreadable(int cause) const {
  return Error::from_errno(
      "read", place_->folder().path() + "/" + segment_name(direction_, segment_.header.number), cause);
}

void LogReader::count(std::uint64_t size) noexcept {
  ++counts_.messages;
  counts_.bytes += size;
  counts_.largest = std::max(counts_.largest, size);
}

// ---- From segment to segment

Result<LogReader> LogReader::open(const Place& place, Direction direction, std::uint64_t session,
                                  const FileOptions& options) {
  LogReader reader(place, direction, session, options, TRY(PositionFile::open(place, direction)));
  reader.passed_.reserve(8);
  reader.committed_ = TRY(reader.position_.read());
  reader.position_.write_by_stores();
  TRY(reader.go_to(reader.committed_));
  return reader;
}

Result<void> LogReader::go_to(const Position& position) {
  next_ = position.next;
  for (const std::uint64_t number : TRY(place_->segments(direction_))) {
    if (number > position.segment) break;
    if (number < position.segment) {  // the last reader was killed before it could
      place_->folder().remove_file(segment_name(direction_, number));
      continue;
    }
    auto segment = TRY(open_segment(*place_, direction_, number));
    const auto size = segment ? os::size_of(segment->file.get()) : std::nullopt;
    segment_.header.number = number;
    if (!size || *size < position.offset) break;  // a machine that went down may have lost its end
    return enter(std::move(*segment), position.offset);
  }
  segment_.header.number = position.segment;
  return go_on();
}

Result<void> LogReader::enter(Segment segment, std::uint64_t offset) noexcept {
  segment_ = std::move(segment);
  os::leave_access_time(segment_.file.get());
  at_ = offset;
  rereads_ = 0;
  empty_buffer();
  return {};
}

/// To the segment that follows, whatever was lost at the end of this one: its first message must be our next.
Result<void> LogReader::go_on() {
  const std::uint64_t behind = segment_.header.number;
  for (const std::uint64_t number : TRY(place_->segments(direction_))) {
    if (number <= behind) continue;
    auto segment = TRY(open_segment(*place_, direction_, number));
    if (!segment) continue;
    if (segment->header.first != next_) {
      return std::unexpected(place_->damaged(segment_name(direction_, number), 0,
                                             "begins with message " + std::to_string(segment->header.first) +
                                                 ", and " + std::to_string(next_) + " should come next"));
    }
    if (segment_.file) passed_.push_back(behind);
    return enter(std::move(*segment), wire::segment_header_size);
  }
  return std::unexpected(place_->damaged(segment_name(direction_, behind + 1), 0, "is missing"));
}

Result<void> LogReader::commit() {
  if (committed_.segment == segment_.header.number && committed_.offset == at_ && committed_.next == next_)
    return {};
  const Position position{0, segment_.header.number, at_, next_};
  if (TRY(position_.write(position))) ++counts_.system_calls;
  committed_ = position;
  if (passed_.empty()) return {};
  if (sync_) TRY(position_.sync());
  for (const std::uint64_t number : passed_) place_->folder().remove_file(segment_name(direction_, number));
  passed_.clear();
  return {};
}

// ---- Reading

void LogReader::empty_buffer() noexcept {
  begin_ = end_ = (end_ + alignment - 1) / alignment * alignment;
}

/// Room for `size` bytes from begin_ on, and for a read that is worth it. Messages in the hands of the user keep
/// their memory: then what is left moves on to a new buffer.
Result<void> LogReader::make_room(std::size_t size) {
  const std::size_t rest = end_ - begin_;
  if (buffer_ && rest == 0 && end_ > 0) {
    if (!buffer_->unshared() && spare_ && spare_->unshared()) buffer_.swap(spare_);
    if (buffer_->unshared()) begin_ = end_ = 0;
  }
  if (buffer_ && buffer_->capacity() - begin_ >= size && buffer_->capacity() - end_ >= least_read) return {};
  if (buffer_ && buffer_->unshared()) {
    std::memmove(buffer_->data(), buffer_->data() + begin_, rest);
  } else {
    if (!spare_ || !spare_->unshared()) spare_ = SegmentPtr::allocate(buffer_size);
    if (!spare_) return no_memory(buffer_size);
    if (rest > 0) std::memcpy(spare_->data(), buffer_->data() + begin_, rest);
    buffer_.swap(spare_);
  }
  begin_ = 0;
  end_ = rest;
  return {};
}

/// Whether `size` bytes of what is in front are in the buffer. False: the file ends before.
Result<bool> LogReader::have(std::size_t size) {
  while (end_ - begin_ < size) {
    TRY(make_room(size));
    const os::Slice room{buffer_->data() + end_, buffer_->capacity() - end_};
    const auto got = os::read_at(segment_.file.get(), {&room, 1}, at_ + (end_ - begin_));
    ++counts_.system_calls;
    if (got.error != 0) return std::unexpected(unreadable(got.error));
    if (got.count == 0) return false;
    end_ += got.count;
  }
  return true;
}

void LogReader::step_over(std::uint64_t size) noexcept {
  begin_ += size;
  at_ += size;
  rereads_ = 0;
}

// ---- What is in front

Result<LogReader::Front> LogReader::look() {
  for (;;) {
    if (front_) return Front::message;
    if (closed_) return Front::closed;
    if (const auto found = TRY(look_at_front())) return *found;
  }
}

/// Empty: look once more.
Result<std::optional<LogReader::Front>> LogReader::look_at_front() {
  if (!TRY(have(wire::record_header_size))) return at_the_end();
  const auto header = wire::decode_record_header(buffer_->data() + begin_, segment_.checksum);
  if (!header) return not_as_written("is no record");
  if (header->sequence != next_) return not_as_written("is a record out of turn");
  if (header->kind == wire::RecordKind::message) return look_at_message(*header);
  if (!TRY(have(wire::record_size(0)))) return at_the_end();
  if (!is_whole(*header)) return not_as_written("is a record with a damaged end");
  step_over(wire::record_size(0));
  if (header->kind == wire::RecordKind::close) {
    closed_ = segment_.header.session == session_;
  } else {
    TRY(go_on());
  }
  return std::nullopt;
}

Result<std::optional<LogReader::Front>> LogReader::look_at_message(const wire::RecordHeader& header) {
  if (header.length > max_message_size_) {
    return std::unexpected(Error(Errc::resource_limit, "receive", {},
                                 "a message of " + std::to_string(header.length) +
                                     " bytes waits, and this side takes at most " +
                                     std::to_string(max_message_size_) + ": raise max-message-size="));
  }
  const std::uint64_t size = wire::record_size(header.length);
  if (size > long_record) {
    const auto there = os::size_of(segment_.file.get());
    if (!there || *there < at_ + size) return at_the_end();
  } else {
    if (!TRY(have(size))) return at_the_end();
    if (!is_whole(header)) return not_as_written("is a message that was changed after it was written");
  }
  front_ = header;
  return Front::message;
}

/// Of a record that is in the buffer: payload and tail.
bool LogReader::is_whole(const wire::RecordHeader& header) const noexcept {
  const std::byte* payload = buffer_->data() + begin_ + wire::record_header_size;
  return base::crc32c({payload, header.length}) == header.checksum &&
         wire::is_record_tail(payload + header.length, header.length);
}

/// The file has no whole record more: not yet, or never.
Result<std::optional<LogReader::Front>> LogReader::at_the_end() {
  end_ = begin_;  // what is there of the next one may be taken back and written anew
  if (segment_.header.session == session_) return Front::nothing;
  TRY(go_on());
  return std::nullopt;
}

Result<std::optional<LogReader::Front>> LogReader::not_as_written(std::string_view what) {
  if (rereads_ < max_rereads) {
    ++rereads_;
    end_ = begin_;
    return std::nullopt;
  }
  if (segment_.header.session != session_ && TRY(is_zero_from(segment_.file.get(), at_))) return at_the_end();
  rereads_ = 0;
  return std::unexpected(place_->damaged(segment_name(direction_, segment_.header.number), at_, what));
}

bool LogReader::is_long() const noexcept {
  return wire::record_size(front_->length) > long_record;
}

// ---- Taking it

Result<void> LogReader::take(ByteSpan into) {
  const std::uint64_t length = front_->length;
  if (is_long()) {
    TRY(read_long(into.data()));
  } else {
    if (length > 0) std::memcpy(into.data(), buffer_->data() + begin_ + wire::record_header_size, length);
    step_over(wire::record_size(length));
  }
  front_.reset();
  ++next_;
  count(length);
  return {};
}

Result<Message> LogReader::take() {
  const std::uint64_t length = front_->length;
  Message message;
  if (is_long()) {
    if (!large_.renew(spare_large_, length)) return no_memory(length);
    TRY(read_long(large_->data()));
    message = large_.message({large_->data(), length});
    if (large_->capacity() > kept_size) large_.reset();
  } else {
    message = buffer_.message({buffer_->data() + begin_ + wire::record_header_size, length});
    step_over(wire::record_size(length));
  }
  front_.reset();
  ++next_;
  count(length);
  return message;
}

/// All of the record in front, its payload to `to`. On an error the message stays in front.
Result<void> LogReader::read_long(std::byte* to) {
  const std::uint64_t length = front_->length;
  std::array<std::byte, 8> tail;
  for (int attempt = 0;; ++attempt) {
    const std::uint64_t from = at_ + wire::record_header_size;
    const std::uint64_t buffered = end_ - begin_ - wire::record_header_size;
    const std::uint64_t here = attempt == 0 ? std::min(buffered, length) : 0;
    std::memcpy(to, buffer_->data() + begin_ + wire::record_header_size, here);
    const auto payload = os::read_all_at(segment_.file.get(), {to + here, length - here}, from + here);
    const auto behind = os::read_all_at(segment_.file.get(),
                                        ByteSpan(tail).first(wire::record_tail_size(length)), from + length);
    counts_.system_calls += 2;
    if (payload.error != 0 || behind.error != 0)
      return std::unexpected(unreadable(payload.error != 0 ? payload.error : behind.error));
    const bool all = payload.count == length - here && behind.count == wire::record_tail_size(length);
    if (all && base::crc32c({to, length}) == front_->checksum && wire::is_record_tail(tail.data(), length))
      break;
    if (attempt < max_rereads) continue;
    return std::unexpected(place_->damaged(segment_name(direction_, segment_.header.number), at_,
                                           "is a message that was changed after it was written"));
  }
  const std::uint64_t size = wire::record_size(length);
  if (end_ - begin_ > size) {
    step_over(size);
  } else {
    at_ += size;
    rereads_ = 0;
    empty_buffer();
  }
  return {};
}

}  // namespace tenon::filelog
