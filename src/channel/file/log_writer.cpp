#include "channel/file/log_writer.hpp"

#include <algorithm>
#include <cerrno>
#include <cstring>
#include <new>

#include "base/crc32c.hpp"
#include "base/try.hpp"
#include "os/file_io.hpp"

namespace tenon::filelog {
namespace {

/// Payloads up to this size are copied next to their header: cheaper than two more slices.
constexpr std::size_t copied_size = 4096;
/// Bytes in one write, unless a single message is larger: enough for a system call to be cheap, little enough to start
/// the reader early.
constexpr std::uint64_t batch_size = 512U << 10;
constexpr std::uint64_t least_segment = 64U << 10;
constexpr std::uint64_t largest_segment = 16U << 20;

}  // namespace

LogWriter::LogWriter(const Place& place, Direction direction, std::uint64_t session,
                     const FileOptions& options, PositionFile position)
    : place_(&place),
      direction_(direction),
      session_(session),
      capacity_(options.capacity),
      segment_size_(std::clamp(options.capacity / 4, least_segment, largest_segment)),
      sync_(options.sync),
      position_(std::move(position)),
      file_size_limit_(os::file_size_limit()) {}

Error LogWriter::failed(int cause) const {
  const std::string path = place_->folder().path() + "/" + segment_name(direction_, segment_.header.number);
  if (cause == EFBIG) {
    return {Errc::resource_limit, "write", path,
            "a file may have " + std::to_string(os::file_size_limit()) +
                " bytes in this process, and that would be more: raise the limit (ulimit -f)",
            EFBIG};
  }
  return Error::from_errno("write", path, cause);
}

// ---- Segments

Result<LogWriter> LogWriter::open(const Place& place, Direction direction, std::uint64_t session,
                                  const FileOptions& options) {
  LogWriter writer(place, direction, session, options, TRY(PositionFile::open(place, direction)));
  writer.scratch_.reset(new (std::nothrow) std::byte[scratch_size]);
  if (!writer.scratch_) return std::unexpected(Error(Errc::resource_limit, "open", {}, "no memory"));
  if (options.sync) {
    TRY(writer.position_.sync());
    TRY(place.sync());
  }
  TRY(writer.find_end());
  return writer;
}

/// What earlier sessions left: where the numbers go on, and how much of it is unread.
Result<void> LogWriter::find_end() {
  read_ = TRY(position_.read());
  std::uint64_t last = read_.segment;
  std::uint64_t before = 0;
  next_ = read_.next;
  for (const std::uint64_t number : TRY(place_->segments(direction_))) {
    const auto segment = TRY(open_segment(*place_, direction_, number));
    if (!segment) {  // its maker was killed at once
      place_->folder().remove_file(segment_name(direction_, number));
      continue;
    }
    last = std::max(last, number);
    if (number < read_.segment) continue;
    extents_.push_back({number, before});
    before += TRY(look_at(*segment)) - wire::segment_header_size;
  }
  extents_.push_back({last + 1, before});
  segment_ = TRY(make_segment(last + 1));
  end_ = wire::segment_header_size;
  return {};
}

/// Returns where its whole records end, and cuts what is behind them.
Result<std::uint64_t> LogWriter::look_at(const Segment& segment) {
  const std::string name = segment_name(direction_, segment.header.number);
  RecordScan scan(segment, wire::segment_header_size, segment.header.first);
  auto step = TRY(scan.step());
  while (step == RecordScan::Step::record) step = TRY(scan.step());
  if (step == RecordScan::Step::damaged)
    return std::unexpected(place_->damaged(name, scan.offset(), "is no record"));
  if (step == RecordScan::Step::torn) {
    const int problem = os::cut(segment.file.get(), scan.offset());
    if (problem != 0) return std::unexpected(Error::from_errno("cut", name, problem));
  }
  next_ = std::max(next_, scan.next());
  return scan.offset();
}

Result<Segment> LogWriter::make_segment(std::uint64_t number) const {
  const std::string name = segment_name(direction_, number);
  if (number > wire::max_number)
    return std::unexpected(place_->damaged(position_name(direction_), 0, "counts beyond what can be"));
  Segment segment{TRY(place_->make_file(name)), {number, session_, next_}, 0};
  const auto line = wire::encode_segment_header(segment.header);
  segment.checksum = wire::segment_checksum(line.data());
  int problem = os::write_all_at(segment.file.get(), line, 0).error;
  if (problem == 0 && sync_) problem = os::sync_data(segment.file.get());
  if (problem == 0) {
    if (!sync_) return segment;
    auto synced = place_->folder().sync();
    if (synced) return segment;
    problem = synced.error().system_errno();
  }
  place_->folder().remove_file(name);
  return std::unexpected(Error::from_errno("write", place_->folder().path() + "/" + name, problem));
}

/// The next one is made first, so that whoever reads that it follows finds it.
Result<void> LogWriter::end_segment() {
  const std::uint64_t number = segment_.header.number + 1;
  extents_.reserve(extents_.size() + 1);
  Segment following = TRY(make_segment(number));
  Batch batch;
  add(batch, wire::RecordKind::next, next_, {});
  if (auto written = write(batch, {}); !written) {
    place_->folder().remove_file(segment_name(direction_, number));
    return std::unexpected(written.error());
  }
  extents_.push_back({number, extents_.back().before + end_ - wire::segment_header_size});
  segment_ = std::move(following);
  end_ = wire::segment_header_size;
  file_size_limit_ = os::file_size_limit();
  return {};
}

// ---- Room

/// Bytes of records that the reader has not read, as far as we know.
std::uint64_t LogWriter::unread() const noexcept {
  const std::uint64_t written = extents_.back().before + end_ - wire::segment_header_size;
  std::uint64_t read = extents_.front().before;
  for (const Extent& extent : extents_) {
    if (extent.number == read_.segment)
      read = extent.before + std::max<std::uint64_t>(read_.offset, wire::segment_header_size) -
             wire::segment_header_size;
  }
  return written - std::min(read, written);
}

Result<void> LogWriter::look_for_room() {
  read_ = TRY(position_.read(asked_));
  const auto old =
      std::ranges::find_if(extents_, [this](const Extent& extent) { return extent.number >= read_.segment; });
  extents_.erase(extents_.begin(), std::min(old, extents_.end() - 1));
  counts_.high_water = std::max(counts_.high_water, unread());
  return {};
}

Result<bool> LogWriter::ask_for_room() {
  if (asked_) return false;
  ++counts_.system_calls;
  TRY(position_.ask_to_be_told());
  return asked_ = true;
}

// ---- From messages to records to slices

bool LogWriter::fits(const Batch& batch, std::size_t payload) const noexcept {
  if (batch.messages == 0) return true;
  return batch.slice_count + 3 <= max_slices &&
         batch.scratch_used + wire::record_header_size + copied_size + 8 <= scratch_size &&
         batch.bytes + wire::record_size(payload) <= batch_size;
}

void LogWriter::add_scratch(Batch& batch, ByteView bytes) noexcept {
  std::byte* place = scratch_.get() + batch.scratch_used;
  if (!bytes.empty()) std::memcpy(place, bytes.data(), bytes.size());
  batch.scratch_used += bytes.size();
  os::Slice* before = batch.slice_count > 0 ? &batch.slices[batch.slice_count - 1] : nullptr;
  if (before != nullptr && before->data + before->size == place) {
    before->size += bytes.size();
  } else {
    batch.slices[batch.slice_count++] = {place, bytes.size()};
  }
}

void LogWriter::add(Batch& batch, wire::RecordKind kind, std::uint64_t sequence, ByteView payload) noexcept {
  std::array<std::byte, wire::record_header_size> header;
  wire::encode_record_header({kind, sequence, payload.size(), base::crc32c(payload)}, segment_.checksum,
                             header.data());
  add_scratch(batch, header);
  if (payload.size() <= copied_size) {
    add_scratch(batch, payload);
  } else {
    batch.slices[batch.slice_count++] = {const_cast<std::byte*>(payload.data()), payload.size()};
  }
  std::array<std::byte, 8> tail;
  add_scratch(batch, ByteView(tail).first(wire::encode_record_tail(payload.size(), tail.data())));
  batch.bytes += wire::record_size(payload.size());
}

/// As many as there is room for, and as one write takes.
Result<void> LogWriter::lay_out(std::span<const ByteView> messages, Batch& batch) {
  bool looked = false;
  for (const ByteView message : messages) {
    const std::uint64_t size = wire::record_size(message.size());
    if (!fits(batch, message.size())) break;
    const auto has_room = [&] {
      // A message that is larger than all the room goes when nothing else is there.
      return unread() + batch.bytes + size <= capacity_ || (batch.messages == 0 && read_.next == next_);
    };
    if (!has_room()) {
      if (looked) break;
      looked = true;
      TRY(look_for_room());
      if (!has_room()) break;
    }
    if (end_ + batch.bytes + size + wire::record_size(0) > file_size_limit_) break;
    add(batch, wire::RecordKind::message, next_ + batch.messages, message);
    ++batch.messages;
  }
  return {};
}

// ---- Writing

Result<std::size_t> LogWriter::append(std::span<const ByteView> messages) {
  if (messages.empty()) return 0;
  if (poisoned_) return std::unexpected(*poisoned_);
  TRY(take_back());
  const std::uint64_t size = wire::record_size(messages.front().size());
  const bool begun = end_ > wire::segment_header_size;
  if (begun && (end_ >= segment_size_ || end_ + size + wire::record_size(0) > file_size_limit_))
    TRY(end_segment());
  if (end_ + size + wire::record_size(0) > file_size_limit_) return std::unexpected(failed(EFBIG));
  Batch batch;
  TRY(lay_out(messages, batch));
  if (batch.messages == 0) return 0;
  return write(batch, messages);
}

Result<void> LogWriter::append_close() {
  if (poisoned_) return std::unexpected(*poisoned_);
  TRY(take_back());
  Batch batch;
  add(batch, wire::RecordKind::close, next_, {});
  static_cast<void>(TRY(write(batch, {})));
  return {};
}

/// How many messages went. When the system takes only a part, the whole ones of it count and the rest is taken back.
Result<std::size_t> LogWriter::write(Batch& batch, std::span<const ByteView> messages) {
  std::span<os::Slice> slices = std::span(batch.slices).first(batch.slice_count);
  std::uint64_t done = 0;
  int problem = 0;
  while (!slices.empty() && problem == 0) {
    const os::Transfer put = os::write_at(segment_.file.get(), slices, end_ + done);
    ++counts_.system_calls;
    problem = put.error != 0 || put.count > 0 ? put.error : ENOSPC;
    done += put.count;
    std::size_t gone = put.count;
    while (!slices.empty() && gone >= slices.front().size) {
      gone -= slices.front().size;
      slices = slices.subspan(1);
    }
    if (!slices.empty()) slices.front() = {slices.front().data + gone, slices.front().size - gone};
  }
  std::size_t went = 0;
  std::uint64_t whole = problem == 0 && batch.messages == 0 ? done : 0;
  for (; went < batch.messages; ++went) {
    const std::size_t size = messages[went].size();
    if (whole + wire::record_size(size) > done) break;
    whole += wire::record_size(size);
    ++counts_.messages;
    counts_.bytes += size;
    counts_.largest = std::max<std::uint64_t>(counts_.largest, size);
  }
  end_ += whole;
  next_ += went;
  torn_ = done > whole;
  if (torn_) static_cast<void>(take_back());  // otherwise the next call tries
  if (problem != 0 && went == 0) return std::unexpected(failed(problem));
  if (sync_) {
    if (const int unsure = os::sync_data(segment_.file.get()); unsure != 0) {
      // What is on the disk cannot be known any more, whatever a later call says.
      poisoned_ = failed(unsure);
      return std::unexpected(*poisoned_);
    }
  }
  return went;
}

Result<void> LogWriter::take_back() {
  if (!torn_) return {};
  if (const int problem = os::cut(segment_.file.get(), end_); problem != 0)
    return std::unexpected(failed(problem));
  torn_ = false;
  return {};
}

}  // namespace tenon::filelog
