// What somebody else's program does with an installed tenon: a message to a child and back, over each way to meet.
#include <cstdio>
#include <string>
#include <thread>

#include <tenon/channel.hpp>
#include <tenon/os/pipe.hpp>
#include <tenon/process.hpp>

int main(int argc, char** argv) try {
  if (argc == 1) {  // the child
    auto parent = tenon::inherited().value();
    parent.send("from " + std::string(parent.borrow().value().text())).value();
    return 0;
  }
  const std::string address = std::string("unix:") + argv[1] + "/s";
  auto listener = tenon::listen(address).value();
  std::jthread client([&] { tenon::connect(address).value().send("over a socket").value(); });
  auto channel = listener.accept().value();
  std::puts(std::string(channel.borrow().value().text()).c_str());

  auto child = tenon::spawn({.arguments = {argv[0]}}).value();
  child.channel.send("a child").value();
  std::puts(std::string(child.channel.borrow().value().text()).c_str());
  if (!child.process.wait().value().success()) return 1;

  const auto pipe = tenon::os::Pipe::create().value();
  return pipe.read_end.get() < 0;
} catch (const std::bad_expected_access<tenon::Error>& failure) {
  std::puts(failure.error().message().c_str());
  return 1;
}
