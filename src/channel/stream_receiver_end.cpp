// How a stream ended, for a sender who found it broken: what the peer left is read and kept.
#include <algorithm>

#include "channel/stream_receiver.hpp"

namespace tenon {
namespace {

/// What the kernel may hold of a peer that is gone: more than the largest socket buffer or pipe in use.
constexpr std::size_t leftover_limit = 64U << 20;

}  // namespace

bool StreamReceiver::grow_and_read(std::size_t limit) {
  const std::size_t rest = end_ - begin_;
  if (rest > limit) return false;
  if ((!buffer_ || buffer_->capacity() - end_ < wire::max_frame) &&
      !move_to_larger_buffer(rest * 2 + buffer_size)) {
    return false;
  }
  draining_ = true;
  arrived_.reserve(arrived_.size() + most_arriving);
  const auto moment = Deadline::in(std::chrono::milliseconds(100));
  const os::Slice room[] = {{buffer_->data() + end_, buffer_->capacity() - end_}};
  for (;;) {
    const os::Transfer transfer = stream_.read(room, arrived_);
    end_ += transfer.count;
    if (transfer.count > 0) return true;
    if (!transfer.would_block() || !stream_.wait(os::Wait::readable, moment)) return false;
  }
}

StreamEnd StreamReceiver::scan_for_end() const noexcept {
  std::size_t position = begin_;
  if (assembly_.active && !assembly_.between_frames) {
    position += assembly_.payload_left + wire::tail_size(assembly_.frame.length);
  }
  while (position < end_) {
    const auto decoded = wire::decode_header({buffer_->data() + position, end_ - position});
    if (!decoded || !*decoded) return StreamEnd::died;
    position += wire::frame_size(**decoded);
    if ((*decoded)->kind == wire::FrameKind::close && position <= end_) return StreamEnd::closed;
  }
  return StreamEnd::died;
}

StreamEnd StreamReceiver::find_end() {
  if (end_state_ != StreamEnd::open) return end_state_;
  while (grow_and_read(leftover_limit)) {
  }
  return scan_for_end();
}

}  // namespace tenon
