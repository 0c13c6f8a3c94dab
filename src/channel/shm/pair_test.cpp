// A socket that two processes have already, as the way to shared memory: what is taken over, and what is refused.
#include <fcntl.h>
#include <sys/socket.h>
#include <unistd.h>

#include <tenon/os/pipe.hpp>
#include <tenon/os/unix_socket.hpp>
#include <tenon/process.hpp>

#include "channel/conformance_test.hpp"
#include "channel/shm/introduction.hpp"

namespace tenon {
namespace {

using namespace test;

std::string address_of_fd(const os::Fd& fd) {
  return "shm:?fd=" + std::to_string(fd.get());
}

bool is_open(const os::Fd& fd) {
  return ::fcntl(fd.get(), F_GETFD) >= 0;
}

void says(const std::string& address, Errc code, const std::string& text) {
  const auto channel = connect(address, {.deadline = soon()});
  ASSERT_TRUE(is_error(code, channel));
  EXPECT_THAT(channel.error().message(), testing::HasSubstr(text));
}

TEST(ShmPair, takes_the_descriptor_over_once_it_is_a_channel) {
  auto [here, there] = value_of(os::UnixSocket::pair());
  os::Fd mine = here.release();
  Introduction introduction(Introduction::Role::listening, there.release(), {},
                            {.capacity = 8 << 10, .max_message_size = 1 << 30});
  std::jthread listening([&] { EXPECT_OK(introduction.run(soon())); });
  Channel channel = value_of(connect(address_of_fd(mine), {.deadline = soon()}));
  listening.join();
  EXPECT_FALSE(is_open(mine));
  static_cast<void>(mine.release());
  ASSERT_TRUE(channel.peer().has_value());
  EXPECT_EQ(channel.peer()->pid, ::getpid());
  EXPECT_FALSE(channel.traits().has(Trait::many_peers));
  EXPECT_FALSE(channel.traits().has(Trait::unrelated_processes));
}

TEST(ShmPair, leaves_the_descriptor_to_the_caller_after_an_error) {
  auto [here, there] = value_of(os::UnixSocket::pair());
  const os::Fd mine = here.release();
  there.release().reset();
  says(address_of_fd(mine), Errc::no_one_there, "closed during the handshake");
  EXPECT_TRUE(is_open(mine));
}

TEST(ShmPair, is_for_connected_unix_stream_sockets_only) {
  const os::Fd lone(::socket(AF_UNIX, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const os::Fd network(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0));
  const auto pipe = value_of(os::Pipe::create());
  auto [packets, other] = value_of(os::UnixSocket::pair(os::SocketType::seqpacket));
  const os::Fd packet = packets.release();
  says(address_of_fd(lone), Errc::unsupported, "connected");
  for (const os::Fd* fd : {&network, &pipe.read_end, &packet}) {
    says(address_of_fd(*fd), Errc::invalid_argument,
         "descriptor " + std::to_string(fd->get()) + " is not a Unix stream socket");
    EXPECT_TRUE(is_open(*fd));
  }
  says("shm:?fd=999", Errc::invalid_argument, "not open");
}

TEST(ShmPair, has_addresses_that_mean_one_thing) {
  says("shm:?fd=three", Errc::invalid_argument, "fd=three: write the number");
  says("shm:?fd=-1", Errc::invalid_argument, "fd=-1: write the number");
  says("shm:?fd=3x", Errc::invalid_argument, "fd=3x: write the number");
  says("shm:/tmp/x?fd=3", Errc::invalid_argument, "write shm:?fd=3");
  EXPECT_ERRC(Errc::unsupported, listen("shm:?fd=0"));
  EXPECT_ERRC(Errc::invalid_argument, listen("shm:"));
  for (const char* address : {"shm:/tmp/x", "shm:?fd=3", "shm:?capacity=3"})
    EXPECT_ERRC(Errc::invalid_argument, spawn({.arguments = {"true"}, .address = address}));
  EXPECT_ERRC(Errc::unsupported, spawn({.arguments = {"true"}, .address = "shm:?require=many_peers"}));
}

TEST(ShmPair, of_two_that_both_connect_is_refused) {
  auto [here, there] = value_of(os::UnixSocket::pair());
  const os::Fd mine = here.release();
  const os::Fd theirs = there.release();
  std::jthread other([&] { EXPECT_ERRC(Errc::protocol_violation, connect(address_of_fd(theirs))); });
  says(address_of_fd(mine), Errc::protocol_violation, "both");
}

TEST(ShmPair, says_what_a_child_that_is_no_tenon_sent) {
  const auto child = spawn(
      {.arguments = {"sh", "-c", "echo hello >&3; exec sleep 100"}, .address = "shm:", .deadline = soon()});
  ASSERT_TRUE(is_error(Errc::protocol_violation, child));
  EXPECT_THAT(child.error().message(), testing::HasSubstr("does not speak tenon's shm: protocol"));
}

}  // namespace
}  // namespace tenon
