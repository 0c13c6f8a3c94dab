// What wakes a peer that sleeps, and tells when it is gone: for channels whose messages travel in shared memory.
// Not public.
#pragma once

#include <cstddef>
#include <cstdint>
#include <vector>

#include <tenon/os/fd.hpp>

#include "os/byte_stream.hpp"

namespace tenon::os {

/// Two ends; each may be rung by one thread while another waits at it.
class Doorbell {
 public:
  enum class State : std::uint8_t { quiet, rung, gone };

  virtual ~Doorbell() = default;

  /// Wakes the peer's wait(), now or when it begins. False when the peer is gone, or cannot be
  /// woken, in which case it is disconnected.
  virtual bool ring() noexcept = 0;
  /// What has happened here since the last hush(): forgets the rings that came. Once gone, always gone.
  virtual State hush() noexcept = 0;
  /// Until it rings or the peer is gone. Errors: timed_out, cancelled.
  virtual Result<void> wait(Deadline deadline) = 0;
  /// Readable while wait() would not wait. Errors: resource_limit.
  virtual Result<int> poll_fd() = 0;
  /// Hands a copy of `fd` to the peer, to be taken there in the same order. A doorbell over which no descriptors
  /// travel passes none.
  enum class Passed : std::uint8_t { yes, no_room, gone };
  virtual Passed pass(int) noexcept { return Passed::no_room; }
  /// The next descriptor that came with what hush() has read; none: an empty one.
  virtual Fd take_passed() noexcept { return {}; }
  /// Whether the peer passed more than can be kept: some are lost.
  virtual bool lost_passed() const noexcept { return false; }
  /// Whether the last hush() left one where it is, and all behind it, since this process has no descriptor left.
  virtual bool left_passed() const noexcept { return false; }
  /// Both ends see the other gone. Safe while another thread uses this end.
  virtual void disconnect() noexcept = 0;
  /// As our death would.
  virtual void close() noexcept = 0;
};

/// Over a connected Unix stream socket: a ring is a byte, and the kernel closes it with the process.
class SocketDoorbell final : public Doorbell {
 public:
  /// Takes up to `most_passed` descriptors that wait to be taken.
  explicit SocketDoorbell(Fd socket, std::size_t most_passed = 0)
      : socket_(std::move(socket)), most_passed_(most_passed) {
    if (most_passed > 0) passed_.reserve(most_passed + 1);
  }

  bool ring() noexcept override;
  State hush() noexcept override;
  Result<void> wait(Deadline deadline) override { return wait_for(socket_.get(), Wait::readable, deadline); }
  Result<int> poll_fd() override { return fd(); }
  int fd() const noexcept { return socket_.get(); }
  Passed pass(int fd) noexcept override;
  Fd take_passed() noexcept override;
  bool lost_passed() const noexcept override { return lost_passed_; }
  bool left_passed() const noexcept override { return left_passed_; }
  void disconnect() noexcept override;
  void close() noexcept override {
    socket_.reset();
    passed_.clear();
  }

 private:
  Transfer read(const Slice& into) noexcept;
  Transfer read_with_passed(const Slice& into) noexcept;
  bool hung_up() const noexcept;

  Fd socket_;
  std::size_t most_passed_;
  std::vector<Fd> passed_;
  bool lost_passed_ = false;
  bool left_passed_ = false;
};

}  // namespace tenon::os
