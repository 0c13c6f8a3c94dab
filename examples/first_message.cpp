// A first message from one process to another, and the answer. README.md shows it from the first #include on.
#include <iostream>
#include <tenon/channel.hpp>

int main(int argc, char** argv) try {
  const char* address = "unix:greetings.sock";  // another mechanism is another address
  if (argc < 2) {                               // first_message
    auto listener = tenon::listen(address).value();
    auto channel = listener.accept().value();
    std::cout << "received: " << channel.borrow().value().text() << '\n';
    channel.send("hello yourself").value();
  } else {  // first_message hello, in another terminal
    auto channel = tenon::connect(address).value();
    channel.send(argv[1]).value();
    std::cout << "answer: " << channel.borrow().value().text() << '\n';
  }
} catch (const std::bad_expected_access<tenon::Error>& failure) {
  std::cerr << failure.error().message() << '\n';
  return 1;
}
