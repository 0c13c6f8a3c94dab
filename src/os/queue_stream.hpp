// A byte stream over two POSIX message queues, one for each direction.
//
// Each message of a queue carries the next bytes, at most as many as the queue takes in one. An empty message
// is the end. Whoever reads from a queue marks it as used (queue_use.hpp); a side that finds that mark gone
// where it writes to knows that its peer is gone, in order or not. Does not own how the two found each other.
#pragma once

#include <atomic>
#include <chrono>
#include <optional>

#include "os/byte_stream.hpp"
#include "os/private_queues.hpp"

namespace tenon::os {

/// How often to look where no descriptor tells of the peer's end.
inline constexpr std::chrono::milliseconds queue_look_time{50};

class QueueStream final : public ByteStream {
 public:
  /// Queues that both sides have. `in` is marked as used by us. `peer` is what watch_queue_user() gave.
  QueueStream(PosixQueue in, PosixQueue out, Fd peer);
  /// Queues that a listener will take: until then it is `door`, marked as used, that says whether it lives.
  QueueStream(PrivateQueues mine, PosixQueue door, Fd listener);
  QueueStream(const QueueStream&) = delete;
  QueueStream& operator=(const QueueStream&) = delete;
  ~QueueStream() override { close(); }

  Transfer read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override;
  Transfer glance(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override;
  Transfer write(std::span<const Slice> from, std::span<const int> descriptors) noexcept override;
  void finish() noexcept override;
  void close() noexcept override;
  void abort() noexcept override;
  int read_fd() const noexcept override { return in_; }
  int write_fd() const noexcept override { return finished_ ? -1 : out_; }
  bool keeps_packets() const noexcept override { return false; }
  int peer_fd() const noexcept override { return peer_.get(); }
  bool holds_more() noexcept override { return begin_ < end_ || ended_; }
  Result<void> wait(Wait what, Deadline deadline) override;

 private:
  using Clock = Deadline::Clock;

  Transfer take(std::span<const Slice> into) noexcept;
  Transfer receive_into(std::span<const Slice> into) noexcept;
  ByteView gather(std::span<const Slice> from) noexcept;
  bool peer_is_gone(Clock::time_point& looked) noexcept;
  bool listener_is_gone() noexcept;
  void met() noexcept;
  void put_end() noexcept;
  bool discard(int queue) noexcept;

  /// What belongs to whoever sends, and to whoever receives, must not share what they write.
  std::optional<PrivateQueues> mine_;
  std::optional<PosixQueue> theirs_in_;
  std::optional<PosixQueue> theirs_out_;
  std::optional<PosixQueue> door_;  ///< until we know that the listener has our queues
  int in_;                          ///< stay those of the objects above
  int out_;
  std::size_t in_size_;
  std::size_t out_size_;
  Fd peer_;
  std::vector<std::byte> in_buffer_;  ///< a message that did not fit where it should go: [begin_, end_)
  std::size_t begin_ = 0;
  std::size_t end_ = 0;
  std::vector<std::byte> out_buffer_;
  bool ended_ = false;
  bool finished_ = false;
  /// Of both threads. Relaxed: they say nothing about other memory.
  std::atomic<bool> told_end_ = false;
  std::atomic<bool> aborted_ = false;
  Clock::time_point reader_looked_;  ///< when the peer's process was last looked at
  Clock::time_point writer_looked_;
  Clock::time_point writer_asked_;
};

}  // namespace tenon::os
