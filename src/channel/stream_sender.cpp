#include "channel/stream_sender.hpp"

#include <algorithm>
#include <cstring>
#include <new>
#include <optional>

#include "base/try.hpp"

namespace tenon {
namespace {

/// Bytes in one gathered write. With a quarter of it `tcp:` carried 1 MiB a tenth more slowly; the others do not mind.
constexpr std::size_t batch_size = 2048 * 1024;

constexpr std::array<std::byte, 4096> zeros{};

os::Slice slice_of(ByteView bytes) noexcept {
  return {const_cast<std::byte*>(bytes.data()), bytes.size()};
}

}  // namespace

Statistics::Direction StreamSender::statistics() const noexcept {
  Statistics::Direction counts = counts_;
  counts.spins = waiter_.turns();
  counts.sleeps = waiter_.sleeps();
  counts.full_waits = waiter_.waits();
  return counts;
}

// ---- From messages to frames to slices

StreamSender::Frame StreamSender::frame_at(std::span<const ByteView> messages, Position position,
                                           std::size_t descriptors) const noexcept {
  const ByteView message = messages[position.message];
  const ByteView rest = message.subspan(position.offset);
  Frame frame;
  frame.payload = rest.first(std::min(rest.size(), wire::max_chunk));
  frame.header.length = static_cast<std::uint32_t>(frame.payload.size());
  frame.header.total = message.size();
  const bool begins = position.offset == 0;
  const bool ends = frame.payload.size() == rest.size();
  if (begins && position.message == 0) frame.header.descriptors = static_cast<std::uint8_t>(descriptors);
  using enum wire::FrameKind;
  frame.header.kind = begins ? (ends ? whole : first) : (ends ? last : middle);
  frame.next = ends ? Position{position.message + 1, 0}
                    : Position{position.message, position.offset + frame.payload.size()};
  return frame;
}

bool StreamSender::fits(const Batch& batch, const Frame& frame) const noexcept {
  const std::size_t size = wire::frame_size(frame.header);
  if (batch.bytes == 0) return true;
  if (batch.slice_count + 3 > max_slices) return false;
  if (batch.scratch_used + copied_size + wire::max_header + 8 > scratch_size) return false;
  return batch.bytes + size <= (stream_.keeps_packets() ? wire::max_frame : batch_size);
}

void StreamSender::append_scratch(Batch& batch, ByteView bytes) noexcept {
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

void StreamSender::append(Batch& batch, const Frame& frame) noexcept {
  std::array<std::byte, wire::max_header> header;
  append_scratch(batch, ByteView(header).first(wire::encode_header(frame.header, header.data())));
  if (frame.payload.size() <= copied_size) {
    append_scratch(batch, frame.payload);
  } else {
    batch.slices[batch.slice_count++] = slice_of(frame.payload);
  }
  std::array<std::byte, 8> tail;
  append_scratch(batch, ByteView(tail).first(
                            wire::encode_tail(frame.payload.size(), wire::Mark::committed, tail.data())));
  batch.bytes += wire::frame_size(frame.header);
  batch.next = frame.next;
}

// ---- Writing

Result<void> StreamSender::write(std::span<os::Slice> slices, std::span<const int> descriptors,
                                 Deadline deadline, std::size_t& written) {
  while (!slices.empty()) {
    const os::Transfer transfer = stream_.write(slices, descriptors);
    ++counts_.system_calls;
    TRY(digest(transfer, slices, deadline, written));
    if (transfer.error == 0) descriptors = {};
  }
  return {};
}

/// After one write: `slices` loses what went, or there was a wait for room.
Result<void> StreamSender::digest(const os::Transfer& transfer, std::span<os::Slice>& slices,
                                  Deadline deadline, std::size_t& written) {
  if (transfer.error != 0) {
    if (transfer.broken()) return std::unexpected(Error(Errc::closed, "send"));
    if (!transfer.would_block()) return std::unexpected(Error::from_errno("send", {}, transfer.error));
    return os::pause(waiter_, stream_, os::Wait::writable, deadline);
  }
  waiter_.progressed();
  written += transfer.count;
  std::size_t gone = transfer.count;
  while (!slices.empty() && gone >= slices.front().size) {
    gone -= slices.front().size;
    slices = slices.subspan(1);
  }
  if (!slices.empty()) slices.front() = {slices.front().data + gone, slices.front().size - gone};
  return {};
}

StreamSender::Sent StreamSender::send(std::span<const ByteView> messages, std::span<const int> descriptors,
                                      Deadline deadline) {
  if (!scratch_) scratch_.reset(new (std::nothrow) std::byte[scratch_size]);
  if (!scratch_) return {0, Error(Errc::resource_limit, "send", {}, "no memory")};
  if (auto flushed = write_withdrawal(deadline); !flushed) return {0, flushed.error()};
  Position position;
  while (position.message < messages.size()) {
    Batch batch;
    batch.next = position;
    const bool begins = position.message == 0 && position.offset == 0;
    do {
      const Frame frame = frame_at(messages, batch.next, descriptors.size());
      if (!fits(batch, frame)) break;
      append(batch, frame);
    } while (batch.next.message < messages.size());

    std::size_t written = 0;
    auto result = write(std::span(batch.slices).first(batch.slice_count),
                        begins ? descriptors : std::span<const int>(), deadline, written);
    const Position reached = advance(messages, position, descriptors.size(), written);
    if (!result) return stop(messages, reached, descriptors.size(), written, std::move(result).error());
    position = reached;
  }
  return {position.message, std::nullopt};
}

/// A single message of which the first write took less than all.
std::optional<Error> StreamSender::go_on(ByteView message, os::Slice frame, const os::Transfer& first,
                                         Deadline deadline) {
  std::span<os::Slice> slices(&frame, 1);
  std::size_t written = 0;
  auto result = digest(first, slices, deadline, written);
  if (result) result = write(slices, {}, deadline, written);
  if (!result) return stop({&message, 1}, {}, 0, written, std::move(result).error()).stopped;
  count_message(message.size());
  return std::nullopt;
}

/// Where `bytes` written bytes lead; leaves in `bytes` how many of them belong to a frame that is not
/// complete.
StreamSender::Position StreamSender::advance(std::span<const ByteView> messages, Position from,
                                             std::size_t descriptors, std::size_t& bytes) noexcept {
  while (bytes > 0) {
    const Frame frame = frame_at(messages, from, descriptors);
    const std::size_t size = wire::frame_size(frame.header);
    if (size > bytes) break;
    bytes -= size;
    if (frame.next.message != from.message) count_message(messages[from.message].size());
    from = frame.next;
  }
  return from;
}

StreamSender::Sent StreamSender::stop(std::span<const ByteView> messages, Position at,
                                      std::size_t descriptors, std::size_t partial, Error error) {
  if (error.code() != Errc::closed) {
    if (partial > 0) {
      withdraw(frame_at(messages, at, descriptors), partial);
    } else if (at.offset > 0) {
      withdraw_at_boundary();
    }
  }
  return {at.message, std::move(error)};
}

// ---- Taking a message back

void StreamSender::withdraw(const Frame& frame, std::size_t gone) noexcept {
  const std::size_t header_size = wire::encode_header(frame.header, withdrawal_.header.data());
  const std::size_t header_gone = std::min(gone, header_size);
  std::copy(withdrawal_.header.begin() + static_cast<std::ptrdiff_t>(header_gone),
            withdrawal_.header.begin() + static_cast<std::ptrdiff_t>(header_size),
            withdrawal_.header.begin());
  withdrawal_.header_left = header_size - header_gone;
  withdrawal_.zeros_left = wire::frame_size(frame.header) - 1 - std::max(gone, header_size);
  withdrawal_.mark_left = true;
}

/// Between two frames of a message: an empty last frame, withdrawn, ends it.
void StreamSender::withdraw_at_boundary() noexcept {
  const Frame end{{wire::FrameKind::last, 0, 0, 0}, {}, {}};
  withdraw(end, 0);
}

Result<void> StreamSender::write_withdrawal(Deadline deadline) {
  while (withdrawal_.mark_left) {
    std::byte mark = static_cast<std::byte>(wire::Mark::withdrawn);
    const std::size_t zeros_now = std::min(withdrawal_.zeros_left, zeros.size());
    std::array<os::Slice, 3> slices{slice_of(ByteView(withdrawal_.header).first(withdrawal_.header_left)),
                                    slice_of(ByteView(zeros).first(zeros_now)), os::Slice{&mark, 1}};
    const bool to_the_end = zeros_now == withdrawal_.zeros_left;
    std::size_t written = 0;
    auto result = write(std::span(slices).first(to_the_end ? 3 : 2), {}, deadline, written);
    const std::size_t of_header = std::min(written, withdrawal_.header_left);
    std::copy(withdrawal_.header.begin() + static_cast<std::ptrdiff_t>(of_header), withdrawal_.header.end(),
              withdrawal_.header.begin());
    withdrawal_.header_left -= of_header;
    const std::size_t of_zeros = std::min(written - of_header, zeros_now);
    withdrawal_.zeros_left -= of_zeros;
    if (written > of_header + of_zeros) withdrawal_.mark_left = false;
    if (!result) return result;
  }
  return {};
}

Result<void> StreamSender::send_close(Deadline deadline) {
  TRY(write_withdrawal(deadline));
  std::array<std::byte, 16> frame;
  const std::size_t header = wire::encode_header({wire::FrameKind::close, 0, 0, 0}, frame.data());
  const std::size_t tail = wire::encode_tail(0, wire::Mark::committed, frame.data() + header);
  std::array<os::Slice, 1> slices{os::Slice{frame.data(), header + tail}};
  std::size_t written = 0;
  return write(slices, {}, deadline, written);
}

}  // namespace tenon
