// The floors of shm: and mmap:, and the flag: a ring of slots for one writer and one reader. A slot's number stands
// beside its bytes, so a short message moves with one or two cache lines; how far the reader is, the writer only asks
// when the ring seems full.
#include <fcntl.h>
#include <sys/mman.h>
#include <unistd.h>
#include <algorithm>
#include <atomic>
#include <cerrno>
#include <cstring>

#include <fmt/format.h>
#include <tenon/os/fd.hpp>
#include <tenon/os/futex.hpp>

#include "base/try.hpp"
#include "bench/floors/floor.hpp"
#include "bench/floors/patience.hpp"

namespace bench {
namespace {

using tenon::ByteView;
using tenon::Error;
using tenon::Result;

constexpr std::size_t line = 64;
constexpr std::size_t ring_bytes = 256 * 1024;
constexpr std::size_t page = 4096;
constexpr std::size_t worth_populating =
    256 << 20;  // larger ones are measured in place: most of it is never touched

/// Wakes the one who sleeps, if there is one.
struct alignas(line) Bell {
  std::atomic<std::uint32_t> rung{0};
  std::atomic<std::uint32_t> asleep{0};
};

struct Header {
  alignas(line) std::atomic<std::uint64_t> taken{0};  ///< messages that the reader is done with
  Bell data;
  Bell room;
};

struct Shape {
  explicit Shape(std::size_t size)
      : stride((sizeof(std::uint64_t) + size + line - 1) / line * line),
        slots(std::clamp<std::size_t>(ring_bytes / stride, 2, 1024)),
        bytes((sizeof(Header) + stride * slots + page - 1) / page * page) {}
  std::size_t stride;
  std::size_t slots;
  std::size_t bytes;
};

class Ring {
 public:
  Ring(std::byte* memory, const Shape& shape)
      : header_(reinterpret_cast<Header*>(memory)), slots_(memory + sizeof(Header)), shape_(shape) {}

  Header& header() const noexcept { return *header_; }
  std::atomic<std::uint64_t>& number(std::uint64_t message) const noexcept {
    return *reinterpret_cast<std::atomic<std::uint64_t>*>(slot(message));
  }
  std::byte* bytes(std::uint64_t message) const noexcept { return slot(message) + sizeof(std::uint64_t); }
  std::size_t slots() const noexcept { return shape_.slots; }

 private:
  std::byte* slot(std::uint64_t message) const noexcept {
    return slots_ + message % shape_.slots * shape_.stride;
  }

  Header* header_;
  std::byte* slots_;
  Shape shape_;
};

class MemoryLink final : public Link {
 public:
  MemoryLink(const Setting& setting, Ring in, Ring out)
      : in_(in),
        out_(out),
        size_(setting.size),
        sleeps_(setting.waiting != Waiting::spin),
        patience_(setting, false) {}

  Result<void> send(ByteView message) override {
    const auto place = TRY(loan(message.size()));
    std::memcpy(place.data(), message.data(), message.size());
    return commit();
  }

  Result<tenon::ByteSpan> loan(std::size_t size) override {
    if (sent_ - room_seen_ >= out_.slots()) {
      const auto has_room = [&] {
        room_seen_ = out_.header().taken.load(std::memory_order_acquire);  // SYNC: slot taken
        return sent_ - room_seen_ < out_.slots();
      };
      TRY(wait(out_.header().room, has_room));
    }
    return tenon::ByteSpan(out_.bytes(sent_), size);
  }

  Result<void> commit() override {
    out_.number(sent_).store(sent_ + 1, std::memory_order_release);  // SYNC: slot written
    ++sent_;
    ring(out_.header().data);
    return {};
  }

  Result<ByteView> receive() override {
    if (received_ > 0) {
      in_.header().taken.store(received_, std::memory_order_release);  // SYNC: slot taken
      ring(in_.header().room);
    }
    const auto& number = in_.number(received_);
    TRY(wait(in_.header().data, [&] {
      return number.load(std::memory_order_acquire) == received_ + 1;  // SYNC: slot written
    }));
    return ByteView(in_.bytes(received_++), size_);
  }

  Calls calls() const override { return calls_; }

 private:
  void ring(Bell& bell) noexcept {
    if (!sleeps_) return;
    std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: bell asleep
    if (bell.asleep.load(std::memory_order_relaxed) == 0) return;
    bell.asleep.store(0, std::memory_order_relaxed);
    bell.rung.fetch_add(1, std::memory_order_release);
    ++calls_.waiting;
    tenon::os::futex_wake(bell.rung);
  }

  template <typename Condition>
  Result<void> wait(Bell& bell, Condition holds) {
    patience_.begin();
    while (!holds()) {
      if (patience_.next() != Patience::Next::sleep) continue;
      const std::uint32_t before = bell.rung.load(std::memory_order_acquire);
      bell.asleep.store(1, std::memory_order_relaxed);
      std::atomic_thread_fence(std::memory_order_seq_cst);  // SYNC: bell asleep
      if (holds()) {
        bell.asleep.store(0, std::memory_order_relaxed);
        return {};
      }
      ++calls_.waiting;
      static_cast<void>(TRY(tenon::os::futex_wait(bell.rung, before)));
    }
    return {};
  }

  Ring in_;
  Ring out_;
  std::size_t size_;
  bool sleeps_;
  Patience patience_;
  Calls calls_;
  std::uint64_t sent_ = 0;
  std::uint64_t room_seen_ = 0;
  std::uint64_t received_ = 0;
};

class MemoryMeeting final : public Meeting {
 public:
  /// `file`: -1 for memory without one.
  static Result<MeetingPtr> create(const Setting& setting, int file) {
    const Shape shape(setting.size);
    if (file >= 0 && ::ftruncate(file, static_cast<off_t>(2 * shape.bytes)) != 0)
      return std::unexpected(Error::from_errno("lengthen", "the mapped file", errno));
    const int populate = shape.bytes <= worth_populating ? MAP_POPULATE : MAP_NORESERVE;
    void* const memory = ::mmap(nullptr, 2 * shape.bytes, PROT_READ | PROT_WRITE,
                                MAP_SHARED | populate | (file < 0 ? MAP_ANONYMOUS : 0), file, 0);
    if (memory == MAP_FAILED) return std::unexpected(Error::from_errno("map", "the floor", errno));
    return std::make_unique<MemoryMeeting>(setting, static_cast<std::byte*>(memory), shape);
  }
  MemoryMeeting(const Setting& setting, std::byte* memory, const Shape& shape)
      : setting_(setting), memory_(memory), shape_(shape) {
    for (std::byte* half : {memory_, memory_ + shape_.bytes}) new (half) Header;
  }
  ~MemoryMeeting() override { ::munmap(memory_, 2 * shape_.bytes); }

  Result<std::unique_ptr<Link>> join(unsigned side, Exchange&) override {
    const Ring forth(memory_, shape_);
    const Ring back(memory_ + shape_.bytes, shape_);
    return std::make_unique<MemoryLink>(setting_, side == 0 ? back : forth, side == 0 ? forth : back);
  }

 private:
  Setting setting_;
  std::byte* memory_;
  Shape shape_;
};

}  // namespace

Result<MeetingPtr> prepare_memory_floor(const Setting& setting) {
  return MemoryMeeting::create(setting, -1);
}

Result<MeetingPtr> prepare_mapped_file_floor(const Setting& setting) {
  const auto path = fmt::format("{}/mapped-{}", setting.folder, setting.unique);
  const tenon::os::Fd file(::open(path.c_str(), O_RDWR | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
  if (!file) return std::unexpected(Error::from_errno("make", path, errno));
  ::unlink(path.c_str());
  return MemoryMeeting::create(setting, file.get());
}

}  // namespace bench
