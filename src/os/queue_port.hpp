// Whole messages through a POSIX message queue that other programs may use too.
//
// A queue is one list for all who have it open, so a channel over it goes one way: one that did both would take
// back what it has sent.
#pragma once

#include <atomic>
#include <memory>

#include <tenon/os/posix_queue.hpp>

#include "os/packet_port.hpp"

namespace tenon::os {

class QueuePort final : public PacketPort {
 public:
  /// What is sent has `priority`. Whoever does first, send or receive, decides: from then on the other fails
  /// with EOPNOTSUPP.
  QueuePort(std::shared_ptr<const PosixQueue> queue, unsigned priority) noexcept
      : queue_(std::move(queue)), max_packet_(queue_->message_size()), priority_(priority) {}

  Transfer send(ByteView packet, std::span<const int> descriptors) noexcept override;
  Transfer receive(ByteSpan into, std::vector<Fd>& descriptors) noexcept override;
  std::size_t max_packet() const noexcept override { return max_packet_; }
  void close() noexcept override { queue_.reset(); }
  int read_fd() const noexcept override { return side_ == Side::sending ? -1 : fd(); }
  int write_fd() const noexcept override { return fd(); }

 private:
  enum class Side : std::uint8_t { undecided, sending, receiving };

  int fd() const noexcept { return queue_ ? queue_->fd() : -1; }
  bool takes(Side side) noexcept;

  std::shared_ptr<const PosixQueue> queue_;
  std::size_t max_packet_;
  unsigned priority_;
  std::atomic<Side> side_ = Side::undecided;  // relaxed: it says nothing about other memory
};

}  // namespace tenon::os
