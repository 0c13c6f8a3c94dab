// The sending half of a framed stream: many messages in one gathered write, nothing copied but small
// payloads, and a message whose deadline passes in the middle taken back.
//
// Does not own the stream. One thread at a time.
#pragma once

#include <algorithm>
#include <array>
#include <cstdint>
#include <memory>
#include <optional>
#include <span>

#include <tenon/channel.hpp>

#include "os/byte_stream.hpp"
#include "os/waiter.hpp"
#include "wire/frame.hpp"

namespace tenon {

class StreamSender {
 public:
  StreamSender(os::ByteStream& stream, os::WaitMode wait) noexcept : stream_(stream), waiter_(wait) {}

  struct Sent {
    std::size_t messages = 0;      ///< that went whole
    std::optional<Error> stopped;  ///< why not all: timed_out, cancelled, closed (the stream is broken), …
  };

  /// Sends messages in order. After timed_out or cancelled the stream goes on: what had gone of the next
  /// message is withdrawn before anything else is sent.
  Sent send(std::span<const ByteView> messages, std::span<const int> descriptors, Deadline deadline);

  /// The same for one, without descriptors: why it did not go.
  [[gnu::always_inline]] std::optional<Error> send(ByteView message, Deadline deadline) {
    if (message.size() > copied_size || withdrawal_.mark_left || !scratch_) [[unlikely]]
      return send({&message, 1}, {}, deadline).stopped;
    const os::Slice frame{scratch_.get(), wire::encode_plain(message, scratch_.get())};
    const os::Transfer first = stream_.write({&frame, 1}, {});
    ++counts_.system_calls;
    if (first.count != frame.size) [[unlikely]]
      return go_on(message, frame, first, deadline);
    waiter_.progressed();
    count_message(message.size());
    return std::nullopt;
  }

  /// Says that nothing more will be sent. Errors: as send.
  Result<void> send_close(Deadline deadline);

  /// Counters of this half; `received` stays zero.
  Statistics::Direction statistics() const noexcept;

 private:
  /// Payloads up to this size are copied next to their header: cheaper than two more slices.
  static constexpr std::size_t copied_size = wire::short_message;
  static constexpr std::size_t max_slices = 64;
  static constexpr std::size_t scratch_size = wire::max_frame;

  /// The next frame to send: of which message, and where in its payload.
  struct Position {
    std::size_t message = 0;
    std::size_t offset = 0;
  };
  struct Frame {
    wire::FrameHeader header;
    ByteView payload;
    Position next;
  };
  /// Frames laid out for one system call.
  struct Batch {
    std::array<os::Slice, max_slices> slices;
    std::size_t slice_count = 0;
    std::size_t bytes = 0;
    std::size_t scratch_used = 0;
    Position next;  ///< behind the batch
  };
  /// What must still go out of a message taken back: the rest of its header, zeros, and the mark.
  struct Withdrawal {
    std::array<std::byte, wire::max_header> header;
    std::size_t header_left = 0;
    std::size_t zeros_left = 0;
    bool mark_left = false;
  };

  Frame frame_at(std::span<const ByteView> messages, Position position,
                 std::size_t descriptors) const noexcept;
  bool fits(const Batch& batch, const Frame& frame) const noexcept;
  void append(Batch& batch, const Frame& frame) noexcept;
  void append_scratch(Batch& batch, ByteView bytes) noexcept;
  Result<void> write(std::span<os::Slice> slices, std::span<const int> descriptors, Deadline deadline,
                     std::size_t& written);
  Result<void> digest(const os::Transfer& transfer, std::span<os::Slice>& slices, Deadline deadline,
                      std::size_t& written);
  std::optional<Error> go_on(ByteView message, os::Slice frame, const os::Transfer& first, Deadline deadline);
  Result<void> write_withdrawal(Deadline deadline);
  void withdraw(const Frame& frame, std::size_t gone) noexcept;
  void withdraw_at_boundary() noexcept;
  Position advance(std::span<const ByteView> messages, Position from, std::size_t descriptors,
                   std::size_t& bytes) noexcept;
  Sent stop(std::span<const ByteView> messages, Position at, std::size_t descriptors, std::size_t partial,
            Error error);
  void count_message(std::size_t size) noexcept {
    ++counts_.messages;
    counts_.bytes += size;
    counts_.largest = std::max<std::uint64_t>(counts_.largest, size);
  }

  os::ByteStream& stream_;
  os::Waiter waiter_;
  std::unique_ptr<std::byte[]> scratch_;  ///< headers, tails and small payloads of a batch
  Withdrawal withdrawal_;
  Statistics::Direction counts_;
};

}  // namespace tenon
