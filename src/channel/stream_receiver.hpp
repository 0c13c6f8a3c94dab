// The receiving half of a framed stream: finds messages in what arrives, many per system call, without
// copying small ones and with one copy from the kernel for large ones.
//
// Does not own the stream. One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <chrono>
#include <cstdint>
#include <cstring>
#include <optional>
#include <span>
#include <vector>

#include <tenon/channel.hpp>

#include "base/try.hpp"
#include "channel/frame_clock.hpp"
#include "channel/segment.hpp"
#include "os/byte_stream.hpp"
#include "os/waiter.hpp"
#include "wire/frame.hpp"

namespace tenon {

/// Why no more messages will come.
enum class StreamEnd : std::uint8_t { open, closed, died, violated };

class StreamReceiver {
 public:
  /// `frame_timeout`: for a message to go on once it has begun; 0 is no limit.
  StreamReceiver(os::ByteStream& stream, os::WaitMode wait, std::uint64_t max_message_size,
                 std::chrono::nanoseconds frame_timeout = {})
      : stream_(stream), waiter_(wait), max_message_size_(max_message_size), clock_(frame_timeout) {
    arrived_.reserve(wire::max_descriptors + most_arriving);  // no read begins with more than one message's
  }

  /// The size of the next message, once it can be taken. For a long message: once its first frame is there.
  /// Errors have no subject: timed_out, cancelled, closed, peer_died, protocol_violation, resource_limit.
  [[gnu::always_inline]] Result<std::uint64_t> await_message(Deadline deadline) {
    if (assembly_.active) return assembly_.total;
    while (!front_) {
      if (end_state_ != StreamEnd::open) return end_error();
      if (!TRY(look_at_front())) TRY(fill(deadline));
    }
    return front_->total;
  }

  /// Takes the message that await_message() announced, into memory of at least its size. Returns false when
  /// the sender withdrew it (await the next one).
  [[gnu::always_inline]] Result<bool> take(ByteSpan into, Deadline deadline) {
    if (!front_ || front_->kind != wire::FrameKind::whole) return take_long(into, deadline);
    const ByteView payload = leave_front();
    if (!payload.empty()) std::memcpy(into.data(), payload.data(), payload.size());
    current_.clear();
    return true;
  }
  /// Likewise, in place.
  [[gnu::always_inline]] Result<std::optional<Message>> take(Deadline deadline) {
    if (!front_ || front_->kind != wire::FrameKind::whole) return take_long(deadline);
    Message message = buffer_.message(leave_front());
    if (!current_.empty()) message.descriptors() = std::exchange(current_, {});
    return message;
  }

  /// Whether await_message() and take() would succeed, or report the end, without reading more.
  bool ready();

  /// Whether take() would allocate for the message that await_message() announced: a long one, while those before it
  /// are in the hands of the user.
  bool needs_memory() const noexcept {
    return front_ && front_->kind == wire::FrameKind::first && !large_.serves(front_->total) &&
           !spare_large_.serves(front_->total);
  }

  /// For a sender who found the stream broken: reads all that the vanished peer left, keeping it for later
  /// takes, and says how it ended. Waits a moment for the end to become visible.
  StreamEnd find_end();

  /// Counters of this half; `sent` stays zero.
  Statistics::Direction statistics() const noexcept;

 private:
  static constexpr std::size_t alignment = 8;
  static constexpr std::size_t most_arriving =
      os::most_packets * os::most_descriptors_at_once;  ///< with one read
  static constexpr unsigned tries_between_looks = 16;
  static constexpr std::size_t buffer_size = 4 * wire::max_chunk;

  /// Between two frames of a message: the end of the first and the header of the second.
  static constexpr std::size_t boundary_size =
      wire::tail_size(wire::max_chunk) + wire::header_size(wire::FrameKind::middle, wire::max_chunk);
  static constexpr std::size_t most_between = 8 + wire::max_header;
  /// Frames that one read fills; what may have to go back to the buffer fits there.
  static constexpr std::size_t most_ahead = 4;
  static_assert((most_ahead - 1) * (wire::max_chunk + most_between) + most_between + 2 * alignment <
                buffer_size);
  /// After a long message: a short one comes whole all the same, and of a long one little is copied twice.
  static constexpr std::size_t read_before_long = 4096;

  /// A message of several frames in assembly.
  struct Assembly {
    bool active = false;
    std::byte* target = nullptr;
    std::uint64_t total = 0;
    std::uint64_t filled = 0;
    wire::FrameHeader frame;       ///< the frame in progress
    std::size_t payload_left = 0;  ///< of it
    bool between_frames = false;
  };

  ByteView buffered() const noexcept { return {buffer_->data() + begin_, end_ - begin_}; }
  /// True when there was a whole frame to look at: a message (now announced), one withdrawn, or the end.
  [[gnu::always_inline]] Result<bool> look_at_front() {
    if (begin_ == end_) return false;
    const auto plain = wire::decode_plain(buffered());
    if (!plain || *plain > max_message_size_) [[unlikely]]
      return look_closer();
    clock_.finished();
    current_.clear();
    front_ = wire::FrameHeader{.length = *plain, .total = *plain};
    return true;
  }
  Result<bool> look_closer();
  /// The payload of the message at the front, which has been taken.
  ByteView leave_front() noexcept {
    const ByteView payload =
        buffered().subspan(wire::header_size(front_->kind, front_->length), front_->length);
    begin_ += wire::frame_size(*front_);
    front_.reset();
    read_at_once_ = SIZE_MAX;
    count_message(payload.size());
    return payload;
  }
  Result<bool> take_long(ByteSpan into, Deadline deadline);
  Result<std::optional<Message>> take_long(Deadline deadline);
  Result<void> accept_front(const wire::FrameHeader& header);
  void begin_assembly(std::byte* target) noexcept;
  Result<bool> assemble(Deadline deadline);
  Result<void> fill_payload(Deadline deadline);
  void payload_came(std::size_t size) noexcept;
  Result<void> read_ahead(Deadline deadline);
  void digest(std::span<const os::Slice> slices, std::size_t count) noexcept;
  bool is_expected_boundary(const std::byte* bytes) const noexcept;
  Result<bool> end_frame(Deadline deadline, bool& withdrawn);
  Result<void> next_frame(Deadline deadline);
  Result<void> require_buffered(std::size_t size, Deadline deadline);
  /// Room for a whole frame behind end_. One that is empty is used from its beginning, which is in cache.
  [[gnu::always_inline]] Result<void> make_room() {
    if (buffer_ && begin_ == end_ && buffer_->unshared()) [[likely]] {
      begin_ = end_ = end_ % alignment;
      return {};
    }
    return make_room_beside_others();
  }
  Result<void> make_room_beside_others();
  bool move_to_larger_buffer(std::size_t size) noexcept;
  [[gnu::always_inline]] Result<void> fill(Deadline deadline) {
    TRY(make_room());
    const os::Slice room[] = {{buffer_->data() + end_, std::min(buffer_->capacity() - end_, read_at_once_)}};
    end_ += TRY(read(room, deadline));
    return {};
  }
  [[gnu::always_inline]] Result<std::size_t> read(std::span<const os::Slice> into, Deadline deadline) {
    if (end_state_ != StreamEnd::open) return end_error();
    if (!draining_ && arrived_.size() > wire::max_descriptors) [[unlikely]]
      return violate("more descriptors than messages announced");
    for (;;) {
      // A peer that is gone is seen before a sleep, at once by who does not wait, and otherwise now and then.
      const bool thorough = deadline.is_now() || !waiter_.spins() || ++tries_ % tries_between_looks == 0;
      const os::Transfer transfer = thorough ? stream_.read(into, arrived_) : stream_.glance(into, arrived_);
      ++counts_.system_calls;
      if (transfer.count > 0) [[likely]] {
        waiter_.progressed();
        return transfer.count;
      }
      if (!transfer.would_block()) return nothing_came(transfer);
      if (!waiter_.spun(deadline)) TRY(pause(deadline));
    }
  }
  std::unexpected<Error> nothing_came(const os::Transfer& transfer);
  Result<void> pause(Deadline deadline);
  Result<void> take_descriptors(std::uint8_t count);
  StreamEnd scan_for_end() const noexcept;
  bool grow_and_read(std::size_t limit);
  std::unexpected<Error> violate(const char* rule);
  std::unexpected<Error> end_error() const;
  void count_message(std::uint64_t size) noexcept {
    ++counts_.messages;
    counts_.bytes += size;
    counts_.largest = std::max(counts_.largest, size);
  }

  os::ByteStream& stream_;
  os::Waiter waiter_;
  std::uint64_t max_message_size_;
  FrameClock clock_;
  StreamEnd end_state_ = StreamEnd::open;
  const char* violated_rule_ = nullptr;

  SegmentPtr buffer_;  ///< what was read and not yet taken: [begin_, end_)
  SegmentPtr spare_;   ///< the one before, to be used again
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::size_t read_at_once_ = SIZE_MAX;     ///< bytes at most, into the buffer
  std::optional<wire::FrameHeader> front_;  ///< announced by await_message()
  Assembly assembly_;
  SegmentPtr large_;             ///< memory of the last long message, used again when it fits
  SegmentPtr spare_large_;       ///< of the one before
  bool draining_ = false;        ///< find_end() has read all that there was
  std::vector<os::Fd> arrived_;  ///< descriptors not yet matched with their message
  std::vector<os::Fd> current_;  ///< of the message in progress
  unsigned tries_ = 0;           ///< reads that might have been a glance
  Statistics::Direction counts_;
};

}  // namespace tenon
