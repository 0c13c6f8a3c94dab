#include "support/child_process.hpp"

#include <sys/prctl.h>
#include <sys/wait.h>
#include <unistd.h>
#include <csignal>
#include <exception>
#include <iostream>

#include <gtest/gtest.h>

namespace tenon::test {

ChildProcess::ChildProcess(const std::function<int()>& body) : pid_(::fork()) {
  if (pid_ != 0) return;
  ::prctl(PR_SET_PDEATHSIG, SIGKILL);
  int code = 1;
  try {
    code = body();
    if (testing::Test::HasFailure()) code = 1;
  } catch (const std::exception& error) {
    std::cerr << "in the child: " << error.what() << std::endl;
  }
  std::cout.flush();
  ::_exit(code);
}

ChildProcess::~ChildProcess() {
  if (pid_ > 0) {
    kill(SIGKILL);
    wait();
  }
}

void ChildProcess::kill(int signal) {
  ::kill(pid_, signal);
}

int ChildProcess::wait() {
  int status = 0;
  while (::waitpid(pid_, &status, 0) == -1 && errno == EINTR) {
  }
  pid_ = -1;
  return WIFEXITED(status) ? WEXITSTATUS(status) : -WTERMSIG(status);
}

}  // namespace tenon::test
