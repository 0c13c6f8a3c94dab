// POSIX message queues in tests: all processes of a user share RLIMIT_MSGQUEUE, so tests that need much of it
// take turns; and the file system that lists queues need not be mounted, so the names are kept in mind.
#pragma once

#include <string>
#include <vector>

#include <tenon/os/fd.hpp>

namespace tenon::test {

/// While it lives, no other process on this machine has one. Tests of one process may hold several.
class QueueTurn {
 public:
  explicit QueueTurn(bool needed = true);
  QueueTurn(const QueueTurn&) = delete;
  QueueTurn& operator=(const QueueTurn&) = delete;
  ~QueueTurn();

 private:
  bool needed_;
};

/// Notes a name that mq_open(3) was to create. Allocates nothing.
void note_queue(const char* name) noexcept;
/// Those of the names noted since forget_queues(), and of private queues that belong to them, that still exist.
std::vector<std::string> queues_left();
void forget_queues() noexcept;

}  // namespace tenon::test
