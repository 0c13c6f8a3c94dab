// A counted block of memory that messages are received into and lent from.
#pragma once

#include <atomic>
#include <cstddef>
#include <utility>

#include <tenon/message.hpp>

namespace tenon {

/// Header and bytes in one allocation; the bytes are aligned to 64. Counted: by its channel, and by each
/// Message that shows a part of it, which may be destroyed in any thread.
class alignas(64) Segment final : public detail::MessageMemory {
 public:
  std::byte* data() noexcept { return reinterpret_cast<std::byte*>(this) + sizeof(Segment); }
  std::size_t capacity() const noexcept { return capacity_; }

  void retain() noexcept { references_.fetch_add(1, std::memory_order_relaxed); }
  void release(ByteView) noexcept override { release(); }
  void release() noexcept;
  /// Nobody else holds it, and what others wrote into or read from it is over.
  bool unshared() const noexcept {
    return references_.load(std::memory_order_acquire) == 1;  // SYNC: segment released
  }

 private:
  friend class SegmentPtr;
  explicit Segment(std::size_t capacity) noexcept : capacity_(capacity) {}
  ~Segment() = default;

  std::atomic<std::uint32_t> references_{1};
  std::size_t capacity_;
};

/// Owns one reference. Move-only.
class SegmentPtr {
 public:
  SegmentPtr() noexcept = default;
  SegmentPtr(SegmentPtr&& other) noexcept : segment_(std::exchange(other.segment_, nullptr)) {}
  SegmentPtr& operator=(SegmentPtr&& other) noexcept {
    std::swap(segment_, other.segment_);
    return *this;
  }
  ~SegmentPtr() {
    if (segment_ != nullptr) segment_->release();
  }

  /// Empty when there is no memory.
  static SegmentPtr allocate(std::size_t capacity) noexcept;
  void reset() noexcept { SegmentPtr().swap(*this); }
  void swap(SegmentPtr& other) noexcept { std::swap(segment_, other.segment_); }

  Segment* get() const noexcept { return segment_; }
  Segment* operator->() const noexcept { return segment_; }
  explicit operator bool() const noexcept { return segment_ != nullptr; }

  /// Makes this a segment of at least `capacity` bytes that nobody else holds: itself, or `spare`, with which it then
  /// changes places, or a new one. So memory that the user gives back a message later is used again, while it is in
  /// cache and its pages are there. False when there is no memory.
  [[nodiscard]] bool renew(SegmentPtr& spare, std::size_t capacity) noexcept {
    if (serves(capacity)) return true;
    swap(spare);
    if (serves(capacity)) return true;
    *this = allocate(capacity);
    return segment_ != nullptr;
  }

  /// It has room for `capacity` bytes, and nobody else holds it.
  bool serves(std::size_t capacity) const noexcept {
    return segment_ != nullptr && segment_->unshared() && segment_->capacity() >= capacity;
  }

  /// A message that shows `bytes` of this segment and holds a reference.
  Message message(ByteView bytes) const noexcept {
    segment_->retain();
    return {bytes, segment_};
  }

 private:
  Segment* segment_ = nullptr;
};

}  // namespace tenon
