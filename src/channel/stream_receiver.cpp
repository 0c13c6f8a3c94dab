#include "channel/stream_receiver.hpp"

#include <algorithm>
#include <cstring>

#include "base/try.hpp"

namespace tenon {
namespace {

/// Long messages up to this size leave their memory for the next one.
constexpr std::size_t kept_size = 16U << 20;

std::unexpected<Error> no_memory(std::uint64_t size) {
  return std::unexpected(Error(Errc::resource_limit, "receive", {},
                               "no memory for a message of " + std::to_string(size) +
                                   " bytes; max-message-size= bounds what a peer may send"));
}

}  // namespace

Statistics::Direction StreamReceiver::statistics() const noexcept {
  Statistics::Direction counts = counts_;
  counts.spins = waiter_.turns();
  counts.sleeps = waiter_.sleeps();
  return counts;
}

std::unexpected<Error> StreamReceiver::violate(const char* rule) {
  end_state_ = StreamEnd::violated;
  violated_rule_ = rule;
  assembly_.active = false;
  stream_.abort();
  return end_error();
}

std::unexpected<Error> StreamReceiver::end_error() const {
  switch (end_state_) {
    case StreamEnd::closed:
      return std::unexpected(Error(Errc::closed, "receive"));
    case StreamEnd::violated:
      return std::unexpected(
          Error(Errc::protocol_violation, "receive", {},
                std::string("the peer sent ") + violated_rule_ + "; it has been disconnected"));
    default:
      return std::unexpected(Error(Errc::peer_died, "receive"));
  }
}

// ---- What is at the front of the buffer

bool StreamReceiver::ready() {
  if (assembly_.active) return false;  // more of it must come
  while (!front_ && end_state_ == StreamEnd::open) {
    const auto found = look_at_front();
    if (found && !*found) return false;
  }
  return true;
}

/// Anything but a plain frame that is all there.
Result<bool> StreamReceiver::look_closer() {
  const auto decoded = wire::decode_header(buffered());
  if (!decoded) return violate(decoded.error());
  if (!*decoded) return false;
  const wire::FrameHeader header = **decoded;
  if (header.kind == wire::FrameKind::first) {
    TRY(accept_front(header));
    return true;
  }
  if (header.kind != wire::FrameKind::whole && header.kind != wire::FrameKind::close) {
    return violate("a frame of a message that has not begun");
  }
  const std::size_t size = wire::frame_size(header);
  if (end_ - begin_ < size) {
    read_at_once_ = SIZE_MAX;
    return false;
  }
  const auto mark =
      wire::decode_tail(buffer_->data() + begin_ + size - wire::tail_size(header.length), header.length);
  if (!mark) return violate("a frame without a valid end");
  clock_.finished();
  if (header.kind == wire::FrameKind::close) {
    begin_ += size;
    end_state_ = StreamEnd::closed;
  } else if (*mark == wire::Mark::withdrawn) {
    TRY(take_descriptors(header.descriptors));
    begin_ += size;
    current_.clear();
  } else {
    TRY(accept_front(header));
  }
  return true;
}

Result<void> StreamReceiver::accept_front(const wire::FrameHeader& header) {
  if (header.total > max_message_size_) return violate("a message beyond the agreed maximum size");
  TRY(take_descriptors(header.descriptors));
  front_ = header;
  return {};
}

Result<void> StreamReceiver::take_descriptors(std::uint8_t count) {
  if (count > arrived_.size()) return violate("a message without the descriptors that it announced");
  current_.assign(std::make_move_iterator(arrived_.begin()),
                  std::make_move_iterator(arrived_.begin() + count));
  arrived_.erase(arrived_.begin(), arrived_.begin() + count);
  return {};
}

// ---- Taking it

Result<bool> StreamReceiver::take_long(ByteSpan into, Deadline deadline) {
  current_.clear();
  if (assembly_.active) {  // begun by a call that timed out: it is being assembled in our own memory
    const std::uint64_t total = assembly_.total;
    if (!TRY(assemble(deadline))) return false;
    std::memcpy(into.data(), large_->data(), total);
    if (large_->capacity() > kept_size) large_.reset();
    return true;
  }
  begin_assembly(into.data());
  auto complete = assemble(deadline);
  if (!complete && assembly_.active) {  // keep what arrived: the caller's memory is the caller's again
    if (!large_.renew(spare_large_, assembly_.total)) {
      static_cast<void>(violate("a message that there was no memory to keep"));
      return no_memory(assembly_.total);
    }
    std::memcpy(large_->data(), into.data(), assembly_.filled);
    assembly_.target = large_->data();
  }
  return complete;
}

Result<std::optional<Message>> StreamReceiver::take_long(Deadline deadline) {
  if (!assembly_.active) {
    if (!large_.renew(spare_large_, front_->total)) return no_memory(front_->total);
    begin_assembly(large_->data());
  }
  const std::uint64_t total = assembly_.total;
  if (!TRY(assemble(deadline))) return std::nullopt;
  Message message = large_.message({large_->data(), total});
  if (large_->capacity() > kept_size) large_.reset();
  if (!current_.empty()) message.descriptors() = std::exchange(current_, {});
  return message;
}

// ---- Reading

Result<void> StreamReceiver::require_buffered(std::size_t size, Deadline deadline) {
  while (end_ - begin_ < size) TRY(fill(deadline));
  return {};
}

/// Messages in the hands of the user keep their memory: then the rest moves on to another segment.
Result<void> StreamReceiver::make_room_beside_others() {
  if (buffer_ && begin_ == end_ && end_ >= alignment) {
    if (!buffer_->unshared() && spare_ && spare_->unshared()) buffer_.swap(spare_);
    if (buffer_->unshared()) begin_ = end_ = end_ % alignment;
  }
  if (buffer_ && buffer_->capacity() - end_ >= wire::max_frame) return {};
  const std::size_t rest = end_ - begin_;
  if (buffer_ && buffer_->unshared() && buffer_->capacity() - rest >= wire::max_frame + alignment) {
    std::memmove(buffer_->data() + begin_ % alignment, buffer_->data() + begin_, rest);
    begin_ %= alignment;
    end_ = begin_ + rest;
    return {};
  }
  if (!move_to_larger_buffer(rest + wire::max_frame)) return no_memory(buffer_size);
  return {};
}

/// What is in the buffer moves to a new one with room for `size` bytes. Offsets keep their place within 8 bytes: frames
/// are multiples of 8 long, so that is what keeps payloads aligned.
bool StreamReceiver::move_to_larger_buffer(std::size_t size) noexcept {
  SegmentPtr next = std::move(spare_);
  if (!next || !next->unshared() || next->capacity() < size + alignment)
    next = SegmentPtr::allocate(std::max(buffer_size, size + alignment));
  if (!next) return false;
  const std::size_t rest = end_ - begin_;
  const std::size_t place = begin_ % alignment;
  if (rest > 0) std::memcpy(next->data() + place, buffer_->data() + begin_, rest);
  spare_ = std::exchange(buffer_, std::move(next));
  begin_ = place;
  end_ = place + rest;
  return true;
}

/// A read that brought neither bytes nor the advice to try again.
std::unexpected<Error> StreamReceiver::nothing_came(const os::Transfer& transfer) {
  if (transfer.lost_part())
    return violate("a packet or descriptors that did not fit (or this process has no descriptor left)");
  end_state_ = StreamEnd::died;
  assembly_.active = false;
  return end_error();
}

/// Until there is more to read. A frame that has begun has to be over in time, however often it is waited for.
Result<void> StreamReceiver::pause(Deadline deadline) {
  const bool begun = assembly_.active || begin_ != end_;
  if (!begun || !clock_.limited()) return os::pause(waiter_, stream_, os::Wait::readable, deadline);
  auto paused = os::pause(waiter_, stream_, os::Wait::readable, deadline.or_earlier(clock_.wait()));
  if (!paused && paused.error().code() == Errc::timed_out && clock_.expired())
    return violate("a part of a message and not the rest in time (frame-timeout=)");
  return paused;
}

}  // namespace tenon
