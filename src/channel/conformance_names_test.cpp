// Promises 6 to 8, 12, and the parts of the contract that some rows have and others declare not to have.
#include <fcntl.h>
#include <sys/stat.h>
#include <unistd.h>
#include <csignal>
#include <filesystem>
#include <fstream>

#include "channel/conformance_test.hpp"

namespace tenon {
namespace {

using namespace test;

/// Of a folder: without the permission to search it, which goes with reading and writing.
unsigned mode_of(const std::string& path) {
  const auto mode = static_cast<unsigned>(std::filesystem::status(path).permissions());
  if (!std::filesystem::is_directory(path)) return mode;
  EXPECT_EQ(mode & 0111, (mode & 0444) >> 2 | (mode & 0222) >> 1) << path;
  return mode & 0666;
}

class UmaskGuard {
 public:
  explicit UmaskGuard(mode_t mask) : before_(::umask(mask)) {}
  ~UmaskGuard() { ::umask(before_); }

 private:
  mode_t before_;
};

class Names : public Conformance {
 protected:
  TemporaryFolder folder_;
  std::string address_ = address_of(GetParam(), folder_);
  std::string place_ = address_.empty() ? "" : value_of(Address::parse(address_)).place();
};

#define NAMES_SUITE(name)       \
  class name : public Names {}; \
  INSTANTIATE_TEST_SUITE_P(, name, testing::ValuesIn(rows()), row_name)

NAMES_SUITE(P06_NothingLeft);

TEST_P(P06_NothingLeft, a_listener_that_ends_removes_its_name) {
  if (!needs_name()) return;
  for (int i = 0; i < 3; ++i) {
    Listener listener = value_of(listen(address_));
    EXPECT_EQ(listener.address().to_string(), address_);
  }
  EXPECT_TRUE(folder_.empty());
}

TEST_P(P06_NothingLeft, after_kill_9_of_both_the_next_listen_succeeds) {
  if (!needs_name()) return;
  for (int i = 0; i < 5; ++i) {
    ChildProcess server([&] {
      Listener listener = value_of(listen(address_));
      const Channel channel = value_of(listener.accept(soon()));
      return ::pause();
    });
    ChildProcess client([&] {
      Result<Channel> channel = connect(address_);
      while (!channel && channel.error().code() == Errc::no_one_there) channel = connect(address_);
      value_of(std::move(channel)).send("here");
      return 0;
    });
    EXPECT_EQ(client.wait(), 0);
    server.kill(SIGKILL);
    server.wait();
    EXPECT_ERRC(Errc::no_one_there, connect(address_));
  }
  EXPECT_OK(listen(address_));
  if (traits_of(GetParam()).has(Trait::survives_restart)) {  // nobody has read what the clients sent
    Listener listener = value_of(listen(address_));
    std::jthread client([&] { EXPECT_OK(connect(address_, {.deadline = soon()})); });
    Channel channel = value_of(listener.accept(soon()));
    for (int i = 0; i < 5; ++i) EXPECT_EQ(value_of(channel.borrow(soon())).text(), "here");
    EXPECT_ERRC(Errc::closed, channel.borrow(soon()));
  }
  EXPECT_TRUE(folder_.empty());
}

TEST_P(P06_NothingLeft, a_listener_serves_one_client_after_another_and_many_at_once) {
  if (!needs_name()) return;
  if (!promises(Trait::many_peers)) return;
  Listener listener = value_of(listen(address_));
  for (int round = 0; round < 3; ++round) {
    std::vector<std::jthread> clients;
    for (int i = 0; i < 20; ++i) {
      clients.emplace_back([this, i] {
        Channel channel = value_of(connect(address_, {.deadline = soon()}));
        EXPECT_OK(channel.send(std::to_string(i)));
        EXPECT_EQ(value_of(channel.borrow(soon())).text(), std::to_string(i));
      });
    }
    std::vector<Channel> channels;
    for (int i = 0; i < 20; ++i) channels.push_back(value_of(listener.accept(soon())));
    for (Channel& channel : channels) EXPECT_OK(channel.send(value_of(channel.borrow(soon())).bytes()));
  }
}

NAMES_SUITE(P07_ALiveName);

TEST_P(P07_ALiveName, is_never_stolen_and_the_holder_is_named) {
  if (!needs_name()) return;
  Listener holder = value_of(listen(address_));
  const auto second = listen(address_);
  EXPECT_TRUE(is_error(Errc::address_in_use, second));
  EXPECT_THAT(second.error().message(), testing::HasSubstr(std::to_string(::getpid())));
  std::jthread client([&] { EXPECT_OK(connect(address_, {.deadline = soon()})); });
  EXPECT_OK(holder.accept(soon()));  // it still works, whatever the second one tried
}

NAMES_SUITE(P08_OwnerOnly);

TEST_P(P08_OwnerOnly, whatever_the_umask) {
  if (!needs_file()) return;
  for (const mode_t mask : {0U, 077U, 0777U}) {
    const UmaskGuard guard(mask);
    const Listener listener = value_of(listen(address_));
    EXPECT_EQ(mode_of(place_), 0600u);
  }
}

TEST_P(P08_OwnerOnly, unless_widened_on_purpose) {
  if (!needs_file()) return;
  const UmaskGuard guard(077);
  const auto options = std::string(address_.find('?') == std::string::npos ? "?" : "&");
  const Listener listener =
      value_of(listen(address_ + options + "mode=0666&group=" + std::to_string(::getegid())));
  EXPECT_EQ(mode_of(place_), GetParam().widened);
}

TEST_P(P08_OwnerOnly, a_symbolic_link_is_never_followed) {
  if (!needs_file()) return;
  const std::string elsewhere = folder_ / "elsewhere";
  std::filesystem::create_symlink(elsewhere, place_);
  EXPECT_ERRC(Errc::permission_denied, listen(address_));
  EXPECT_FALSE(std::filesystem::exists(elsewhere));
  EXPECT_ERRC(Errc::permission_denied, connect(address_));
  EXPECT_TRUE(std::filesystem::is_symlink(place_));
}

TEST_P(P08_OwnerOnly, an_object_that_is_not_ours_is_left_alone) {
  if (!needs_file()) return;
  std::ofstream(place_) << "precious";
  EXPECT_FALSE(listen(address_).has_value());
  EXPECT_FALSE(connect(address_).has_value());
  EXPECT_EQ(std::filesystem::file_size(place_), 8u);
}

TEST_P(P08_OwnerOnly, a_stale_name_of_another_user_is_not_replaced) {
  if (!needs_file()) return;
  ChildProcess killed([&] {
    const Listener listener = value_of(listen(address_));
    return ::raise(SIGKILL);
  });
  killed.wait();
  if (::geteuid() != 0) {  // only root can make another user's object; our own stale name is replaced
    EXPECT_OK(listen(address_));
    return;
  }
  ASSERT_EQ(::chown(place_.c_str(), 65534, 65534), 0);
  const auto result = listen(address_);
  EXPECT_TRUE(is_error(Errc::permission_denied, result));
  EXPECT_TRUE(std::filesystem::exists(place_));
}

CONFORMANCE_SUITE(P12_Errors);

TEST_P(P12_Errors, carry_operation_and_address) {
  auto [a, b] = arrange()->both();
  const auto failed = a.borrow(Deadline::now());
  ASSERT_TRUE(is_error(Errc::timed_out, failed));
  EXPECT_EQ(failed.error().operation(), "receive");
  EXPECT_EQ(failed.error().subject(), a.address().to_string());
}

TEST(P12_ErrorTexts, of_an_address_say_what_would_be_right) {
  const auto says = [](std::string_view address, Errc code, std::string_view part) {
    const auto result = connect(address);
    EXPECT_TRUE(is_error(code, result));
    EXPECT_THAT(result.error().message(), testing::HasSubstr(std::string(part)));
  };
  says("unxi:/tmp/x", Errc::invalid_argument, "unix:");
  says("/tmp/x", Errc::invalid_argument, "scheme:place");
  says("unix:/tmp/x?mode", Errc::invalid_argument, "'mode' has no value");
  says("unix:/tmp/x?colour=red", Errc::invalid_argument, "capacity");
  says("unix:/tmp/x?framing=xml", Errc::invalid_argument, "message, lines or raw");
  says("unix:/tmp/x?wait=long", Errc::invalid_argument, "hybrid, block or spin");
  says("unix:/tmp/x?max-message-size=1K", Errc::invalid_argument, "at least 64M");
  says("unix:/tmp/x?type=raw", Errc::invalid_argument, "stream, seqpacket or dgram");
  says("unix:/tmp/x?type=seqpacket&framing=raw", Errc::invalid_argument, "leave type=seqpacket out");
  says("unix:/tmp/x?require=speed", Errc::invalid_argument, "no trait 'speed'");
  says("unix:/tmp/x?require=zero_copy", Errc::unsupported, "zero_copy");
  says("unix:/tmp/x?mode=999", Errc::invalid_argument, "octal");
  says("unix:/tmp/x?type=seqpacket&capacity=16K", Errc::invalid_argument, "at least 128K");
  says("unix:", Errc::invalid_argument, "name the socket");
  says("unix:/tmp/no-one-there", Errc::no_one_there, "start the listener");
  says("unix:/tmp", Errc::invalid_argument, "/tmp");
  says("pipe:", Errc::unsupported, "tenon spawn");
  says("fd:x", Errc::invalid_argument, "fd:IN,OUT");
  says("fd:999", Errc::invalid_argument, "not open");
}

TEST(Traits, that_are_required_are_checked_early) {
  const auto refused = listen("unix:/tmp/x", {.require = {Trait::zero_copy, Trait::pollable}});
  ASSERT_TRUE(is_error(Errc::unsupported, refused));
  EXPECT_THAT(refused.error().message(), testing::HasSubstr("zero_copy"));
  EXPECT_ERRC(Errc::unsupported,
              connect("unix:/tmp/x?framing=raw", {.require = {Trait::message_boundaries}}));
}

TEST(Traits, every_transport_of_the_table_is_covered_by_the_suite) {
  for (const TransportInfo& info : transports()) {
    // pipe: is the fd: row with its descriptors made by spawn(), tested in spawn_test.cpp.
    if (info.scheme == "pipe") continue;
    EXPECT_TRUE(std::ranges::any_of(rows(), [&](const Row& row) { return row.scheme == info.scheme; }))
        << info.scheme;
  }
}

CONFORMANCE_SUITE(Credentials);

TEST_P(Credentials, are_the_kernels_where_traits_say_so) {
  const auto meeting = arrange();
  ChildProcess child([&] {
    meeting->keep_second();
    Channel channel = value_of(meeting->second());
    return channel.borrow(soon()) ? 0 : 1;
  });
  meeting->keep_first();
  Channel channel = value_of(meeting->first());
  const auto peer = channel.peer();
  EXPECT_EQ(peer.has_value(), channel.traits().has(Trait::peer_credentials));
  if (peer) {
    // A socket pair made before the fork knows its maker only.
    EXPECT_EQ(peer->pid, has_name() ? child.pid() : ::getpid());
    EXPECT_EQ(peer->uid, ::geteuid());
    EXPECT_EQ(peer->gid, ::getegid());
  }
  EXPECT_OK(channel.send("thanks"));
  EXPECT_EQ(child.wait(), 0);
}

CONFORMANCE_SUITE(Descriptors);

TEST_P(Descriptors, come_along_with_their_message_where_traits_say_so) {
  auto [a, b] = arrange()->both();
  TemporaryFolder folder;
  std::ofstream(folder / "x") << "through the channel";
  const os::Fd file(::open((folder / "x").c_str(), O_RDONLY | O_CLOEXEC));
  const std::array<int, 2> two{file.get(), file.get()};
  const auto result = a.send(bytes_of("two files"), two, soon());
  if (!a.traits().has(Trait::carries_descriptors)) {
    EXPECT_TRUE(is_error(Errc::unsupported, result));
    static_cast<void>(promises(Trait::carries_descriptors));
    return;
  }
  EXPECT_OK(result);
  EXPECT_OK(a.send("none"));
  const auto large = pattern(200'000, 1);
  std::jthread sender([&, &channel = a] { EXPECT_OK(channel.send(large, std::span(two).first(1), soon())); });
  Message message = value_of(b.borrow(soon()));
  EXPECT_EQ(message.text(), "two files");
  ASSERT_EQ(message.descriptors().size(), 2u);
  std::array<std::byte, 64> buffer;
  EXPECT_EQ(::pread(message.descriptors()[1].get(), buffer.data(), buffer.size(), 0), 19);
  EXPECT_NE(::fcntl(message.descriptors()[0].get(), F_GETFD) & FD_CLOEXEC, 0);
  EXPECT_TRUE(value_of(b.borrow(soon())).descriptors().empty());
  Message last = value_of(b.borrow(soon()));
  EXPECT_TRUE(is_pattern(last.bytes(), 1));
  EXPECT_EQ(last.descriptors().size(), 1u);
}

TEST_P(Descriptors, of_a_peer_that_closed_are_kept_when_a_send_finds_out) {
  auto [a, b] = arrange()->both();
  if (!promises(Trait::carries_descriptors)) return;
  const std::array<int, 4> four{0, 1, 2, 0};
  for (int i = 0; i < 5; ++i) EXPECT_OK(b.send(bytes_of("with four"), four, soon()));
  EXPECT_OK(b.close());
  EXPECT_ERRC(Errc::closed, a.send("too late"));
  for (int i = 0; i < 5; ++i) EXPECT_EQ(value_of(a.borrow(soon())).descriptors().size(), 4u);
  EXPECT_ERRC(Errc::closed, a.borrow(soon()));
}

TEST_P(Descriptors, of_a_message_that_is_copied_out_or_withdrawn_are_closed) {
  auto [a, b] = arrange()->both();
  if (!promises(Trait::carries_descriptors)) return;
  const int fd = STDIN_FILENO;
  EXPECT_OK(a.send(bytes_of("x"), {&fd, 1}, soon()));
  std::array<std::byte, 8> buffer;
  EXPECT_OK(b.receive(buffer, soon()));  // the leak check sees whether they were closed
  while (a.send(pattern(3000, 1), {&fd, 1}, Deadline::now())) {
  }
  EXPECT_ERRC(Errc::timed_out, a.send(pattern(300'000, 2), {&fd, 1}, Deadline::now()));
  Result<Message> message = b.borrow(Deadline::in(1ms));
  while (message) {
    EXPECT_EQ(message->descriptors().size(), 1u);
    message = b.borrow(Deadline::in(1ms));
  }
  EXPECT_OK(a.send(bytes_of("y"), soon()));
  EXPECT_TRUE(value_of(b.borrow(soon())).descriptors().empty());
  const std::array<int, 5> five{fd, fd, fd, fd, fd};
  EXPECT_ERRC(Errc::invalid_argument, a.send(bytes_of("x"), five));
}

}  // namespace
}  // namespace tenon
