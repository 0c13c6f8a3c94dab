// Byte streams over named pipes: the connecting end of two private ones, and one plain pipe that is opened when it
// is first used.
#pragma once

#include <atomic>
#include <memory>

#include "os/byte_stream.hpp"
#include "os/fifo_folder.hpp"

namespace tenon::os {

/// Two private pipes whose listener may not have come yet. Until its first bytes do, the listener's own pipe is
/// held open for writing: it shows an error when the listener is gone.
class RequestedStream final : public ByteStream {
 public:
  RequestedStream(FifoPair pair, Fd door) noexcept
      : pipes_(std::move(pair.ends.in), std::move(pair.ends.out)),
        pair_(std::move(pair)),
        door_(std::move(door)) {}

  Transfer read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override;
  Transfer write(std::span<const Slice> from, std::span<const int> descriptors) noexcept override {
    return pipes_.write(from, descriptors);
  }
  void finish() noexcept override { pipes_.finish(); }
  void close() noexcept override;
  void abort() noexcept override {}
  int read_fd() const noexcept override { return pipes_.read_fd(); }
  int write_fd() const noexcept override { return pipes_.write_fd(); }
  bool keeps_packets() const noexcept override { return false; }
  int peer_fd() const noexcept override { return door_.get(); }

 private:
  PipeStream pipes_;
  FifoPair pair_;
  Fd door_;
};

/// One named pipe, one direction. The first read makes this the reading side, the first write the writing one;
/// from then on the other fails with EOPNOTSUPP. Opening never waits: a read would block until the first writer
/// has come, a write while nobody reads.
class PlainFifoStream final : public ByteStream {
 public:
  /// `object` is the pipe, as find_fifo gives it. `lease` is of a pipe that is ours: it is held until close(),
  /// and what it points to keeps the read end open between one channel and the next, so that what a writer
  /// brings in between is not lost. Null for a pipe of others.
  PlainFifoStream(Fd object, std::shared_ptr<Fd> lease) noexcept
      : object_(std::move(object)), lease_(std::move(lease)) {}

  Transfer read(std::span<const Slice> into, std::vector<Fd>& descriptors) noexcept override;
  Transfer write(std::span<const Slice> from, std::span<const int> descriptors) noexcept override;
  void finish() noexcept override;
  void close() noexcept override;
  void abort() noexcept override {}
  int read_fd() const noexcept override { return in_.get(); }
  int write_fd() const noexcept override { return out_.get(); }
  bool keeps_packets() const noexcept override { return false; }
  int prepare_to_read() noexcept override { return open_to_read(); }
  Result<void> wait(Wait what, Deadline deadline) override;

 private:
  enum class Side : std::uint8_t { undecided, reading, writing };

  bool takes(Side side) noexcept;
  int open_to_read() noexcept;
  int open_to_write() noexcept;

  Fd object_;
  std::shared_ptr<Fd> lease_;
  std::atomic<Side> side_ = Side::undecided;
  bool writer_came_ = false;
  bool ended_ = false;
  Fd in_;
  Fd out_;
};

}  // namespace tenon::os
