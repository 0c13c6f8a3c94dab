// A stream of bytes over two System V queues, one for each direction, with a doorbell beside them: the queues
// carry everything, the bell tells when to look and when the peer is gone.
#pragma once

#include <atomic>
#include <chrono>
#include <memory>
#include <optional>

#include "channel/sysv_mq/opening.hpp"
#include "os/byte_stream.hpp"
#include "os/private_queue.hpp"
#include "os/queue_bell.hpp"

namespace tenon::sysv_mq {

/// The two of a connection, as one side sees them.
struct Line {
  os::QueueBell bell;
  os::PrivateQueue out;
  os::PrivateQueue in;
};

class QueueStream final : public os::ByteStream {
 public:
  /// Of the side that made them.
  explicit QueueStream(Line line);

  /// What the listening side needs in order to take what a client has made.
  struct Expected {
    os::Fd socket;
    unsigned maker_uid;
    std::uint32_t project;
    std::optional<std::size_t> capacity;
  };
  /// Of the listening side, which does not wait for the opening: it is read with the first read or write that
  /// finds it there. Until then nothing can be read or written.
  explicit QueueStream(Expected expected) noexcept : expected_(std::move(expected)) {}
  ~QueueStream() override { close(); }

  os::Transfer read(std::span<const os::Slice> into, std::vector<os::Fd>& descriptors) noexcept override;
  os::Transfer write(std::span<const os::Slice> from, std::span<const int> descriptors) noexcept override;
  /// Nothing: that no more will come, a frame says. A queue has no end.
  void finish() noexcept override {}
  void close() noexcept override;
  void abort() noexcept override;
  int read_fd() const noexcept override;
  int write_fd() const noexcept override { return read_fd(); }
  bool keeps_packets() const noexcept override { return false; }
  bool holds_more() noexcept override;
  Result<void> wait(os::Wait what, Deadline deadline) override;

 private:
  /// Memory for one message with its type in front, and what of it is still to be handed on.
  struct Staging {
    std::unique_ptr<std::byte[]> memory;
    std::size_t room = 0;
    std::byte* next = nullptr;
    std::size_t left = 0;

    bool reserve(std::size_t bytes) noexcept;
    std::byte* payload() const noexcept { return memory.get() + os::PrivateQueue::header_size; }
  };

  int open() noexcept;
  int take_opening() noexcept;
  int fetch() noexcept;
  bool time_to_look() noexcept;

  std::optional<Line> line_;
  std::optional<Expected> expected_;  ///< until line_ is there
  int refused_ = 0;                   ///< why it will never be
  Staging incoming_;
  Staging outgoing_;
  /// Found by either thread, for both. Relaxed: it says nothing about other memory.
  std::atomic<bool> gone_ = false;
  bool heard_ =
      false;  ///< the peer's tags are in the queues: it goes by them that it came, and what it sends comes after
  unsigned misses_ = 0;    ///< tries in a row that found nothing to read
  unsigned refusals_ = 0;  ///< tries in a row that found no room
  std::uint32_t taken_seen_ = 0;
  std::chrono::steady_clock::time_point looked_;  ///< by the sending thread, whether the peer is gone
};

}  // namespace tenon::sysv_mq
