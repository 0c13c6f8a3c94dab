// One System V queue that other programs use too, as a port for whole packets: each is a message with a type.
//
// Does not own the queue. There is no descriptor to wait for, and nobody tells that the other side is gone.
#pragma once

#include <atomic>
#include <chrono>
#include <cstdint>
#include <memory>
#include <optional>

#include "os/packet_port.hpp"

namespace tenon::os {

class SysvPort final : public PacketPort {
 public:
  struct Types {
    long send = 1;
    long receive = 1;     ///< 0: of any type, the oldest first
    bool one_way = true;  ///< who sends first never receives, and the other way round: EOPNOTSUPP
  };
  /// `max_packet`: what fits into the queue at most. `keep_alive` is let go by close().
  SysvPort(int id, Types types, std::size_t max_packet, std::shared_ptr<void> keep_alive);

  Transfer send(ByteView packet, std::span<const int> descriptors) noexcept override;
  Transfer receive(ByteSpan into, std::vector<Fd>& descriptors) noexcept override;
  std::size_t max_packet() const noexcept override { return max_packet_; }
  void close() noexcept override { keep_alive_.reset(); }
  int read_fd() const noexcept override { return -1; }
  int write_fd() const noexcept override { return -1; }
  /// The kernel can only be asked again: sleeps of 50 µs, doubling up to 1 ms while nothing changes.
  Result<void> wait(Wait what, Deadline deadline) override;

 private:
  static constexpr std::chrono::nanoseconds shortest_pause = std::chrono::microseconds(50);
  static constexpr std::chrono::nanoseconds longest_pause = std::chrono::milliseconds(1);

  /// One direction's memory in the kernel's form, the type and then the bytes, and how long it waits next.
  struct Direction {
    std::unique_ptr<std::byte[]> memory;
    std::chrono::nanoseconds pause = shortest_pause;
  };

  enum class Role : std::uint8_t { any, sender, receiver };
  bool may_be(Role role) noexcept;
  Transfer failed(int error) noexcept;

  int id_;
  Types types_;
  std::atomic<Role> role_ = Role::any;
  std::atomic<bool> removed_ = false;  ///< relaxed: it says nothing about other memory
  std::size_t max_packet_;
  Direction out_;
  Direction in_;
  std::shared_ptr<void> keep_alive_;
};

}  // namespace tenon::os
