// What the tests of posix-mq: share: a place of their own, and their turn with the user's message queues.
#pragma once

#include <sys/resource.h>
#include <unistd.h>
#include <csignal>
#include <thread>

#include <tenon/channel.hpp>
#include <tenon/os/pipe.hpp>
#include <tenon/os/posix_queue.hpp>

#include "channel/posix_mq/request.hpp"
#include "os/queue_use.hpp"
#include "support/child_process.hpp"
#include "support/expect.hpp"
#include "support/queue_limit.hpp"

namespace tenon::test {

using namespace std::chrono_literals;

class QueueTest : public testing::Test {
 protected:
  static Deadline soon() { return Deadline::in(20s); }

  std::string address(const std::string& options = {}) const {
    return "posix-mq:" + place_ + (options.empty() ? "" : "?" + options);
  }
  os::PosixQueue open() const { return value_of(os::PosixQueue::open(place_)); }
  unsigned mode() const { return value_of(os::facts_of_queue(open().fd())).mode & 0777U; }
  bool exists(const std::string& name) const {
    return os::PosixQueue::open(name, os::PosixQueue::Access::send, os::Trust::anyone).has_value();
  }
  /// Both ends of a connection.
  static std::pair<Channel, Channel> meet(Listener& listener, const std::string& where) {
    std::optional<Result<Channel>> client;
    std::jthread connecting([&] { client.emplace(connect(where, {.deadline = soon()})); });
    auto mine = listener.accept(soon());
    connecting.join();
    return {value_of(std::move(mine)), value_of(std::move(*client))};
  }

  QueueTurn turn_;
  std::string place_ = "/tenon-test-" + std::to_string(::getpid());
};

/// A lower limit, for a while.
class LimitGuard {
 public:
  LimitGuard(__rlimit_resource_t resource, rlim_t value) : resource_(resource) {
    ::getrlimit(resource_, &before_);
    rlimit lower = before_;
    lower.rlim_cur = value;
    ::setrlimit(resource_, &lower);
  }
  LimitGuard(const LimitGuard&) = delete;
  LimitGuard& operator=(const LimitGuard&) = delete;
  ~LimitGuard() { ::setrlimit(resource_, &before_); }

 private:
  __rlimit_resource_t resource_;
  rlimit before_{};
};

/// Of the user's limit for queues: found by asking for less and less.
inline rlim_t queue_bytes_in_use() {
  const std::string probe = "/tenon-test-" + std::to_string(::getpid()) + "-probe";
  rlim_t enough = 1 << 30;
  for (rlim_t step = enough / 2; step > 0; step /= 2) {
    const LimitGuard limit(RLIMIT_MSGQUEUE, enough - step);
    if (os::PosixQueue::create(probe, {.max_messages = 1, .message_size = 1})) enough -= step;
  }
  return enough - os::PosixQueueLimits::bytes_taken(1, 1);
}

}  // namespace tenon::test
