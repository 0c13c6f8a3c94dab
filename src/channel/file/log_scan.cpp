#include "channel/file/log_scan.hpp"

#include <algorithm>
#include <array>

#include "base/try.hpp"
#include "channel/file/position_file.hpp"
#include "os/file_io.hpp"

namespace tenon::filelog {
namespace {

constexpr std::size_t buffer_size = 64U << 10;

Error unreadable(int cause) {
  return Error::from_errno("read", "segment", cause);
}

}  // namespace

Result<std::optional<Segment>> open_segment(const Place& place, Direction direction, std::uint64_t number) {
  const std::string name = segment_name(direction, number);
  Segment segment{TRY(place.open_file(name)), {}, 0};
  std::array<std::byte, wire::segment_header_size> line;
  const auto got = os::read_all_at(segment.file.get(), line, 0);
  if (got.error != 0) return std::unexpected(unreadable(got.error));
  if (got.count < line.size()) return std::nullopt;
  const auto header = wire::decode_segment_header(line.data());
  if (!header || header->number != number)
    return std::unexpected(place.damaged(name, 0, "is not the first line of this segment"));
  segment.header = *header;
  segment.checksum = wire::segment_checksum(line.data());
  return segment;
}

// ---- From record to record

RecordScan::RecordScan(const Segment& segment, std::uint64_t offset, std::uint64_t next)
    : segment_(segment), offset_(offset), next_(next), end_(offset), buffer_(buffer_size) {}

/// False: the file ends before that.
Result<bool> RecordScan::load(std::uint64_t offset, std::size_t size) {
  if (offset >= buffered_at_ && offset + size <= buffered_at_ + buffered_) return true;
  const auto got = os::read_all_at(segment_.file.get(), buffer_, offset);
  if (got.error != 0) return std::unexpected(unreadable(got.error));
  buffered_at_ = offset;
  buffered_ = got.count;
  return got.count >= size;
}

Result<RecordScan::Step> RecordScan::step() {
  offset_ = end_;
  if (!TRY(load(offset_, wire::record_header_size))) return buffered_ == 0 ? Step::end : Step::torn;
  const auto header =
      wire::decode_record_header(buffer_.data() + (offset_ - buffered_at_), segment_.checksum);
  if (!header || header->sequence != next_)
    return TRY(is_zero_from(segment_.file.get(), offset_)) ? Step::torn : Step::damaged;
  const std::uint64_t end = offset_ + wire::record_size(header->length);
  if (size_ < end) size_ = os::size_of(segment_.file.get()).value_or(0);
  if (size_ < end) return Step::torn;
  header_ = *header;
  end_ = end;
  if (header_.kind == wire::RecordKind::message) ++next_;
  return Step::record;
}

Result<bool> is_zero_from(int fd, std::uint64_t offset) {
  std::vector<std::byte> buffer(buffer_size);
  for (;;) {
    const auto got = os::read_all_at(fd, buffer, offset);
    if (got.error != 0) return std::unexpected(unreadable(got.error));
    const ByteView bytes = ByteView(buffer).first(got.count);
    if (!std::ranges::all_of(bytes, [](std::byte byte) { return byte == std::byte{0}; })) return false;
    if (got.count < buffer.size()) return true;
    offset += got.count;
  }
}

// ---- Questions

bool has_unread(const Place& place, Direction direction) {
  const auto file = PositionFile::open(place, direction);
  const auto numbers = place.segments(direction);
  if (!file || !numbers) return !numbers || !numbers->empty();
  const auto position = file->read();
  if (!position) return true;
  std::uint64_t next = position->next;
  for (const std::uint64_t number : *numbers) {
    if (number < position->segment) continue;
    const auto segment = open_segment(place, direction, number);
    if (!segment) return true;
    if (!*segment) continue;
    const bool inside = number == position->segment;
    RecordScan scan(**segment, inside ? position->offset : wire::segment_header_size, next);
    for (;;) {
      const auto step = scan.step();
      if (!step || *step == RecordScan::Step::damaged) return true;
      if (*step != RecordScan::Step::record) break;
      if (scan.header().kind == wire::RecordKind::message) return true;
    }
    next = scan.next();
  }
  return false;
}

bool ended_in_order(const Place& place, Direction direction, std::uint64_t session) {
  const auto numbers = place.segments(direction);
  if (!numbers) return false;
  for (auto number = numbers->rbegin(); number != numbers->rend(); ++number) {
    const auto segment = open_segment(place, direction, *number);
    if (!segment || !*segment || (*segment)->header.session > session) continue;
    if ((*segment)->header.session < session) return false;
    RecordScan scan(**segment, wire::segment_header_size, (*segment)->header.first);
    auto step = scan.step();
    while (step && *step == RecordScan::Step::record) {
      if (scan.header().kind == wire::RecordKind::close) return true;
      step = scan.step();
    }
    return false;
  }
  return false;
}

}  // namespace tenon::filelog
