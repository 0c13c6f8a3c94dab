// Messages of several frames: each byte of payload is read to where it stays.
#include <algorithm>
#include <cstring>

#include "base/try.hpp"
#include "channel/stream_receiver.hpp"

namespace tenon {

void StreamReceiver::begin_assembly(std::byte* target) noexcept {
  assembly_ = {.active = true,
               .target = target,
               .total = front_->total,
               .frame = *front_,
               .payload_left = front_->length};
  begin_ += wire::header_size(front_->kind, front_->length);
  front_.reset();
}

/// True when the message is complete, false when it was withdrawn. On timed_out it can be called again.
Result<bool> StreamReceiver::assemble(Deadline deadline) {
  for (;;) {
    if (assembly_.between_frames) TRY(next_frame(deadline));
    TRY(fill_payload(deadline));
    bool withdrawn = false;
    const bool complete = TRY(end_frame(deadline, withdrawn));
    if (withdrawn) {
      assembly_.active = false;
      current_.clear();
      return false;
    }
    if (complete) {
      assembly_.active = false;
      // Where one was long the next may be: only so much of it should come into the buffer first.
      if (!stream_.keeps_packets()) read_at_once_ = wire::max_header + read_before_long;
      count_message(assembly_.total);
      return true;
    }
  }
}

Result<void> StreamReceiver::fill_payload(Deadline deadline) {
  while (assembly_.payload_left > 0) {
    const std::size_t there = std::min(end_ - begin_, assembly_.payload_left);
    if (there > 0) {
      std::memcpy(assembly_.target + assembly_.filled, buffer_->data() + begin_, there);
      begin_ += there;
      payload_came(there);
    } else if (stream_.keeps_packets()) {
      TRY(fill(deadline));
    } else {
      TRY(read_ahead(deadline));
    }
  }
  return {};
}

void StreamReceiver::payload_came(std::size_t size) noexcept {
  assembly_.filled += size;
  assembly_.payload_left -= size;
}

/// Payloads straight to their places, of several frames at once: where each ends, and the header of the next one, follow
/// from the size of the message. What is not as expected at a boundary between two, and all behind it, goes to the
/// buffer, where end_frame() finds it.
Result<void> StreamReceiver::read_ahead(Deadline deadline) {
  TRY(make_room());
  begin_ = end_ = (end_ + alignment - 1) / alignment * alignment;
  std::array<std::array<std::byte, most_between>, most_ahead> between;
  std::array<os::Slice, 2 * most_ahead> slices;
  std::size_t frames = 0;
  std::byte* place = assembly_.target + assembly_.filled;
  std::size_t length = assembly_.payload_left;
  std::uint64_t behind = assembly_.total - assembly_.filled - length;
  std::size_t room = buffer_->capacity() - end_ - alignment - most_between;
  for (;;) {
    // Behind the message the next one's header comes along, so that its payload goes straight to its place too.
    const std::size_t boundary =
        behind > 0 ? boundary_size : wire::tail_size(assembly_.total % wire::max_chunk) + wire::max_header;
    slices[2 * frames] = {place, length};
    slices[2 * frames + 1] = {between[frames].data(), boundary};
    ++frames;
    place += length;
    length = std::min<std::uint64_t>(behind, wire::max_chunk);
    if (length == 0 || frames == most_ahead || room < length + most_between) break;
    behind -= length;
    room -= length + most_between;
  }
  const auto prepared = std::span(slices).first(2 * frames);
  digest(prepared, TRY(read(prepared, deadline)));
  return {};
}

/// `count` bytes have come into `slices`: payload, what is between, payload…
void StreamReceiver::digest(std::span<const os::Slice> slices, std::size_t count) noexcept {
  for (;;) {
    const std::size_t got = std::min(count, slices[0].size);
    payload_came(got);
    count -= got;
    if (count < boundary_size || !is_expected_boundary(slices[1].data)) break;
    count -= boundary_size;
    slices = slices.subspan(2);
    clock_.finished();
    const std::uint64_t rest = assembly_.total - assembly_.filled;
    assembly_.payload_left = std::min<std::uint64_t>(rest, wire::max_chunk);
    assembly_.frame = {.kind = rest > wire::max_chunk ? wire::FrameKind::middle : wire::FrameKind::last,
                       .length = static_cast<std::uint32_t>(assembly_.payload_left)};
    if (slices.empty()) return;
  }
  begin_ = end_ += assembly_.frame.length % alignment;  // so that the frames behind begin on a multiple of it
  for (slices = slices.subspan(1); count > 0; slices = slices.subspan(1)) {
    const std::size_t size = std::min(count, slices[0].size);
    std::memcpy(buffer_->data() + end_, slices[0].data, size);
    end_ += size;
    count -= size;
  }
}

/// The end of the frame in progress, committed, and the header of the one that is to come.
bool StreamReceiver::is_expected_boundary(const std::byte* bytes) const noexcept {
  const std::uint64_t rest = assembly_.total - assembly_.filled;
  if (rest == 0) return false;
  std::array<std::byte, wire::max_header + 8> expected;
  const wire::FrameHeader next{
      .kind = rest > wire::max_chunk ? wire::FrameKind::middle : wire::FrameKind::last,
      .length = static_cast<std::uint32_t>(std::min<std::uint64_t>(rest, wire::max_chunk))};
  wire::encode_tail(wire::max_chunk, wire::Mark::committed, expected.data());
  wire::encode_header(next, expected.data() + wire::tail_size(wire::max_chunk));
  return std::memcmp(bytes, expected.data(), boundary_size) == 0;
}

Result<bool> StreamReceiver::end_frame(Deadline deadline, bool& withdrawn) {
  const std::size_t size = wire::tail_size(assembly_.frame.length);
  TRY(require_buffered(size, deadline));
  const auto mark = wire::decode_tail(buffer_->data() + begin_, assembly_.frame.length);
  if (!mark) return violate("a frame without a valid end");
  begin_ += size;
  clock_.finished();
  withdrawn = *mark == wire::Mark::withdrawn;
  if (!withdrawn && assembly_.frame.kind == wire::FrameKind::last && assembly_.filled != assembly_.total) {
    return violate("a message that ends early");
  }
  assembly_.between_frames = true;
  return assembly_.frame.kind == wire::FrameKind::last;
}

Result<void> StreamReceiver::next_frame(Deadline deadline) {
  TRY(require_buffered(wire::header_size(wire::FrameKind::last, 0), deadline));
  const auto decoded = wire::decode_header(buffered());
  if (!decoded) return violate(decoded.error());
  const std::uint64_t left = assembly_.total - assembly_.filled;
  const bool is_last = *decoded && (*decoded)->kind == wire::FrameKind::last;
  const bool is_middle = *decoded && (*decoded)->kind == wire::FrameKind::middle;
  if (!is_last && !is_middle) return violate("a message inside another");
  const std::uint32_t length = (*decoded)->length;
  if (is_middle ? length >= left : (length != left && length != 0))
    return violate("a message of another size than announced");
  assembly_.frame = **decoded;
  assembly_.payload_left = length;
  assembly_.between_frames = false;
  begin_ += wire::header_size(wire::FrameKind::last, 0);
  return {};
}

}  // namespace tenon
