#include "channel/region.hpp"

#include <algorithm>
#include <new>
#include <string>

#include "base/try.hpp"

namespace tenon {
namespace {

using shm::header_size;

constexpr os::Seals needed_seals =
    os::Seals::seal | os::Seals::shrink | os::Seals::grow | os::Seals::future_write;

}  // namespace

Result<void> seal_for_peer(os::Memfd& memory) {
  return memory.seal(needed_seals);
}

Result<os::Memfd> adopt_sealed(os::Fd memory, std::uint64_t size) {
  return os::Memfd::adopt(std::move(memory), {.seals = needed_seals, .min_size = size, .max_size = size});
}

Result<OwnRegion> OwnRegion::create(std::uint64_t capacity) {
  auto memory = TRY(os::Memfd::create("tenon-ring", header_size + capacity));
  auto mapping =
      TRY(os::MirroredMapping::map(memory.fd().get(), header_size, capacity, os::Access::read_write));
  TRY(seal_for_peer(memory));
  OwnRegion region(memory.release(), std::move(mapping));
  region.header().magic = shm::region_magic;
  region.header().version = shm::region_version;
  region.header().size = header_size;
  region.header().capacity = capacity;
  return region;
}

Result<PeerRegion> PeerRegion::adopt(os::Fd fd, std::uint64_t capacity) {
  const auto refuse = [](std::string why) {
    return std::unexpected(Error(Errc::protocol_violation, "connect", {}, std::move(why)));
  };
  if (capacity < shm::least_capacity || capacity > shm::most_capacity || (capacity & (capacity - 1)) != 0) {
    return refuse("the peer's ring has an impossible capacity of " + std::to_string(capacity) + " bytes");
  }
  const std::size_t size = header_size + capacity;
  const auto memory = TRY(adopt_sealed(std::move(fd), size));
  auto header = TRY(os::Mapping::map(memory.fd().get(), header_size, os::Access::read));
  auto ring = TRY(os::MirroredMapping::map(memory.fd().get(), header_size, capacity, os::Access::read));
  const auto& words = header.at<const shm::RegionHeader>(0);
  if (words.magic != shm::region_magic || words.version != shm::region_version || words.size != header_size ||
      words.capacity != capacity) {
    return refuse("the peer's shared memory is not a region of this version");
  }
  return PeerRegion{std::move(header), std::move(ring)};
}

RingView* RingView::create(os::MirroredMapping ring) noexcept {
  const std::size_t lines = ring.data_size() / shm::cache_line;
  std::unique_ptr<std::uint32_t[]> slots(new (std::nothrow) std::uint32_t[lines]);
  return slots ? new (std::nothrow) RingView(std::move(ring), std::move(slots)) : nullptr;
}

void RingView::release(ByteView message) noexcept {
  const auto offset = static_cast<std::uint64_t>(message.data() - shm::record_header - ring_.data());
  const std::uint32_t lines = lines_of(message.size()) << 2;
  const std::uint32_t before =
      slot(offset).exchange(lines | released, std::memory_order_acq_rel);  // SYNC: message released
  if ((before & 3) == abandoned) drop();
}

void RingView::abandon(std::uint64_t begin, std::uint64_t end) noexcept {
  const auto each = [&](auto visit) {
    for (std::uint64_t at = begin; at < end;) {
      const std::atomic_ref<std::uint32_t> state = slot(at);
      at += static_cast<std::uint64_t>(state.load(std::memory_order_relaxed) >> 2) * shm::cache_line;
      visit(state);
    }
  };
  std::uint64_t count = 0;
  each([&](auto) { ++count; });
  holders_.store(count + 1, std::memory_order_relaxed);
  each([&](auto state) {
    const std::uint32_t lines = state.load(std::memory_order_relaxed) & ~std::uint32_t{3};
    const std::uint32_t before =
        state.exchange(lines | abandoned, std::memory_order_acq_rel);  // SYNC: message released
    if ((before & 3) == released) drop();
  });
  drop();
}

void RingView::drop() noexcept {
  if (holders_.fetch_sub(1, std::memory_order_acq_rel) == 1) delete this;
}

}  // namespace tenon
