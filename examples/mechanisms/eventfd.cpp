// eventfd: a parent (the client) and its child (the server) wake each other 100 times through two counters.
//
//   eventfd      takes no arguments: it starts the child itself
//
// An eventfd is a number in the kernel: one side adds to it, the other waits until it is not 0 and takes it.
// It has no name, so it must be inherited, or passed over a Unix socket. It carries no bytes, so what was
// added is the message: 1 is ping or pong, 2 is end. Two additions before one take would be one sum: so the
// client waits for each pong before its next ping.
#include <string_view>

#include <tenon/os/eventfd.hpp>
#include <tenon/os/process.hpp>

#include "example.hpp"

using example::say;
using example::value_or_exit;
namespace os = tenon::os;

namespace {

constexpr int questions_number = 3;  ///< the descriptors' numbers in the child
constexpr int answers_number = 4;
constexpr std::uint64_t ping = 1;
constexpr std::uint64_t pong = 1;
constexpr std::uint64_t end = 2;

int invalid(const char* who, std::uint64_t count) {
  std::fprintf(stderr, "%s Error: received invalid count %llu\n", who,
               static_cast<unsigned long long>(count));
  return 1;
}

int serve() {
  const auto questions = value_or_exit(os::EventFd::adopt(os::Fd(questions_number)));
  const auto answers = value_or_exit(os::EventFd::adopt(os::Fd(answers_number)));
  say("Server", "waiting at an inherited eventfd");
  for (;;) {
    const std::uint64_t count = value_or_exit(questions.wait());
    if (count == end) return 0;
    if (count != ping) return invalid("Server", count);
    say("Server", "Received ping");
    value_or_exit(answers.notify(pong));
    say("Server", "Sent pong");
  }
}

int call(const os::EventFd& questions, const os::EventFd& answers, const os::Process& server) {
  for (int i = 0; i < example::rounds; ++i) {
    value_or_exit(questions.notify(ping));
    say("Client", "Sent ping");
    // An eventfd never tells that the other side is gone: only a deadline, or the child's pidfd, does.
    const auto count = answers.wait(tenon::Deadline::in(std::chrono::seconds(5)));
    if (!count && !server.running()) std::fprintf(stderr, "Client Error: the server has ended\n");
    if (value_or_exit(count) != pong) return invalid("Client", *count);
    say("Client", "Received pong");
  }
  value_or_exit(questions.notify(end));
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  if (argc == 2 && std::string_view(argv[1]) == "server") return serve();  // the child
  if (argc != 1) {
    std::fprintf(stderr, "usage: %s\n  It takes no arguments: it starts its server itself.\n", argv[0]);
    return 2;
  }
  const auto questions = value_or_exit(os::EventFd::create());
  const auto answers = value_or_exit(os::EventFd::create());
  os::Process server = value_or_exit(
      os::Process::spawn({.arguments = {"/proc/self/exe", "server"},
                          .descriptors = {{questions.fd(), questions_number}, {answers.fd(), answers_number}},
                          .die_with_parent = true}));
  const int result = call(questions, answers, server);
  const os::ExitStatus status = value_or_exit(server.wait());
  if (!status.success()) std::fprintf(stderr, "Client Error: the server %s\n", status.describe().c_str());
  return result == 0 && status.success() ? 0 : 1;
}
