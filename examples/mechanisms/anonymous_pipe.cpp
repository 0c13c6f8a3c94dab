// Anonymous pipes: a parent (the client) and its child (the server) exchange `ping` and `pong` 100 times,
// then `end`.
//
//   anonymous_pipe      takes no arguments: it starts the child itself
//
// A pipe has no name. The only way to reach it is to be given an end of it, and a child gets copies of all
// that its parent has open when it is born. A pipe goes one way, so there are two: one for questions, one for
// answers.
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <csignal>

#include <tenon/os/pipe.hpp>

#include "example.hpp"

using example::say;
using example::value_or_exit;
namespace os = tenon::os;

namespace {

/// The next 4 bytes, or fewer where the stream ends: a read may bring less than was written, or more than one
/// message.
std::string receive(const os::Fd& from) {
  std::array<std::byte, 4> buffer;
  const std::size_t got = value_or_exit(os::read_full(from.get(), buffer));
  return std::string(tenon::text_of(tenon::ByteView(buffer).first(got)));
}

void send(const os::Fd& to, std::string_view message) {
  value_or_exit(os::write_all(to.get(), tenon::bytes_of(message)));
}

int invalid(const char* who, const std::string& message) {
  std::fprintf(stderr, "%s Error: received invalid message '%s'\n", who, message.c_str());
  return 1;
}

int serve(const os::Fd& questions, const os::Fd& answers) {
  say("Server", "waiting at the other end of a pipe");
  for (;;) {
    const std::string message = receive(questions);
    if (message == "end") return 0;
    if (message != "ping") return invalid("Server", message);
    say("Server", "Received " + message);
    send(answers, "pong");
    say("Server", "Sent pong");
  }
}

int call(const os::Fd& questions, const os::Fd& answers) {
  for (int i = 0; i < example::rounds; ++i) {
    send(questions, "ping");
    say("Client", "Sent ping");
    const std::string message = receive(answers);
    if (message != "pong") return invalid("Client", message);
    say("Client", "Received " + message);
  }
  send(questions, "end");
  return 0;
}

}  // namespace

int main(int argc, char** argv) {
  if (argc != 1) {
    std::fprintf(stderr, "usage: %s\n  It takes no arguments: parent and child are one program.\n", argv[0]);
    return 2;
  }
  std::setvbuf(stdout, nullptr, _IOLBF, 0);
  os::Pipe questions = value_or_exit(os::Pipe::create());
  os::Pipe answers = value_or_exit(os::Pipe::create());

  const pid_t child = ::fork();
  if (child < 0) {
    std::perror("fork");
    return 1;
  }
  // Each closes the ends that it does not use: a stream ends only when every copy of its write end is closed.
  if (child == 0) {
    questions.write_end.reset();
    answers.read_end.reset();
    return serve(questions.read_end, answers.write_end);
  }
  questions.read_end.reset();
  answers.write_end.reset();
  const int result = call(questions.write_end, answers.read_end);
  questions.write_end.reset();  // so that the child ends, even if the conversation went wrong

  int status = 0;
  ::waitpid(child, &status, 0);
  return result != 0 || status != 0 ? 1 : 0;
}
