// A function that runs in a process of its own, for tests in which two processes talk or one is killed.
#pragma once

#include <functional>

namespace tenon::test {

/// Forks at once. The body's return value is the exit code; a thrown exception or a failed expectation is 1.
/// The child leaves with _exit(2): no destructor of the parent's objects runs in it. Destroying kills and
/// reaps.
class ChildProcess {
 public:
  explicit ChildProcess(const std::function<int()>& body);
  ChildProcess(const ChildProcess&) = delete;
  ChildProcess& operator=(const ChildProcess&) = delete;
  ~ChildProcess();

  int pid() const noexcept { return pid_; }
  void kill(int signal);
  /// Waits until it has ended and returns its exit code, or -signal.
  int wait();

 private:
  int pid_;
};

}  // namespace tenon::test
