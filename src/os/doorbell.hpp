// What wakes a peer that sleeps, and tells when it is gone: for channels whose messages travel in shared memory.
// Not public.
#pragma once

#include <cstdint>

#include <tenon/os/fd.hpp>

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
  /// Both ends see the other gone. Safe while another thread uses this end.
  virtual void disconnect() noexcept = 0;
  /// As our death would.
  virtual void close() noexcept = 0;
};

/// Over a connected Unix stream socket: a ring is a byte, and the kernel closes it with the process.
class SocketDoorbell final : public Doorbell {
 public:
  explicit SocketDoorbell(Fd socket) noexcept : socket_(std::move(socket)) {}

  bool ring() noexcept override;
  State hush() noexcept override;
  Result<void> wait(Deadline deadline) override { return wait_for(socket_.get(), Wait::readable, deadline); }
  Result<int> poll_fd() override { return fd(); }
  int fd() const noexcept { return socket_.get(); }
  void disconnect() noexcept override;
  void close() noexcept override { socket_.reset(); }

 private:
  Fd socket_;
};

}  // namespace tenon::os
