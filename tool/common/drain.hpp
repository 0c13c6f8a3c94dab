// Receives, and throws away, what the peer of a sender sends: so that a full channel in that direction blocks
// nobody, and so that the peer's end is seen while we wait for input.
#pragma once

#include <cstdint>
#include <optional>
#include <thread>

#include <tenon/channel.hpp>

namespace tool {

class Drain {
 public:
  /// Starts receiving on a thread of its own. Uses `when_ended` once the peer has ended.
  /// Errors: resource_limit.
  static tenon::Result<std::unique_ptr<Drain>> start(tenon::Channel& channel, tenon::Canceller& when_ended);
  ~Drain() { end(); }

  /// Stops receiving, and joins the thread. Again and again the same.
  void end();
  /// Why receiving ended, unless it was by end(). After end().
  const std::optional<tenon::Error>& reason() const noexcept { return reason_; }
  std::uint64_t messages() const noexcept { return messages_; }

 private:
  Drain(tenon::Channel& channel, tenon::Canceller& when_ended, tenon::Canceller own)
      : channel_(channel), when_ended_(when_ended), own_(std::move(own)) {}
  void run();

  tenon::Channel& channel_;
  tenon::Canceller& when_ended_;
  tenon::Canceller own_;
  std::optional<tenon::Error> reason_;
  std::uint64_t messages_ = 0;
  std::thread thread_;
};

}  // namespace tool
