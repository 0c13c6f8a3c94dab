#include "channel/segment.hpp"

#include <new>

namespace tenon {

void Segment::release() noexcept {
  if (references_.fetch_sub(1, std::memory_order_acq_rel) != 1) return;  // SYNC: segment released
  this->~Segment();
  ::operator delete(this, std::align_val_t{alignof(Segment)});
}

SegmentPtr SegmentPtr::allocate(std::size_t capacity) noexcept {
  SegmentPtr pointer;
  if (capacity > static_cast<std::size_t>(-1) / 2) return pointer;
  void* memory = ::operator new(sizeof(Segment) + capacity, std::align_val_t{alignof(Segment)}, std::nothrow);
  if (memory != nullptr) pointer.segment_ = ::new (memory) Segment(capacity);
  return pointer;
}

}  // namespace tenon
