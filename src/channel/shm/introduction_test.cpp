// What a stranger can say and hand over at the door of shared memory: each lie is refused by name, nothing of it is
// kept, and the next peer is served.
#include "channel/shm/introduction.hpp"

#include <fcntl.h>
#include <sys/eventfd.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <unistd.h>
#include <cstring>
#include <functional>

#include <tenon/os/unix_socket.hpp>

#include "channel/conformance_test.hpp"
#include "wire/little_endian.hpp"

namespace tenon {
namespace {

using namespace test;

constexpr std::uint64_t capacity = 64 << 10;
constexpr std::size_t region_size = shm::header_size + capacity;
constexpr int all_seals = F_SEAL_SEAL | F_SEAL_SHRINK | F_SEAL_GROW | F_SEAL_FUTURE_WRITE;

using Hello = std::array<std::byte, shm_hello_size>;

Hello good_hello() {
  return encode_hello({.capacity = capacity, .max_message_size = 1 << 30});
}

template <typename T>
Hello hello_with(std::size_t offset, T value) {
  Hello hello = good_hello();
  wire::store(hello.data() + offset, value);
  return hello;
}

shm::RegionHeader good_header() {
  shm::RegionHeader header{};
  header.magic = shm::region_magic;
  header.version = shm::region_version;
  header.size = shm::header_size;
  header.capacity = capacity;
  return header;
}

/// Memory as a peer might make it.
os::Fd memory(std::size_t size = region_size, int seals = all_seals,
              const shm::RegionHeader& header = good_header(), bool allocated = true) {
  os::Fd fd(::memfd_create("tenon-test", MFD_CLOEXEC | MFD_ALLOW_SEALING));
  EXPECT_EQ(::ftruncate(fd.get(), static_cast<off_t>(size)), 0);
  EXPECT_TRUE(!allocated || size == 0 || ::fallocate(fd.get(), 0, 0, static_cast<off_t>(size)) == 0);
  EXPECT_TRUE(size < sizeof header || ::pwrite(fd.get(), &header, sizeof header, 0) == sizeof header);
  EXPECT_EQ(::fcntl(fd.get(), F_ADD_SEALS, seals), 0);
  return fd;
}

os::Fd memory_with(const std::function<void(shm::RegionHeader&)>& lie) {
  shm::RegionHeader header = good_header();
  lie(header);
  return memory(region_size, all_seals, header);
}

os::Fd opened(const char* path, int flags) {
  return os::Fd(::open(path, flags | O_CLOEXEC));
}

os::Fd opened_again(const os::Fd& fd, int flags) {
  return opened(("/proc/self/fd/" + std::to_string(fd.get())).c_str(), flags);
}

os::Fd end_of_a_socket_pair() {
  return value_of(os::UnixSocket::pair()).first.release();
}

/// What a peer says, what it hands over with it, and what is said of that.
struct Offer {
  std::string name;
  Hello hello = good_hello();
  std::function<std::vector<os::Fd>()> descriptors = [] { return several(memory()); };
  const char* reason = "";

  template <typename... Fds>
  static std::vector<os::Fd> several(Fds... fds) {
    std::vector<os::Fd> all;
    (all.push_back(std::move(fds)), ...);
    return all;
  }
};

Offer hands_over(std::string name, std::function<os::Fd()> memory, const char* reason) {
  return {std::move(name), good_hello(), [memory] { return Offer::several(memory()); }, reason};
}

/// Lies that either side can tell.
std::vector<Offer> lies() {
  std::vector<Offer> all{
      {"other_program", hello_with<std::uint64_t>(0, 0x2f50545448), Offer{}.descriptors, "does not speak"},
      {"other_version", hello_with<std::uint32_t>(8, 99), Offer{}.descriptors, "version 99"},
      {"other_length", hello_with<std::uint32_t>(12, 47), Offer{}.descriptors, "malformed"},
      {"unknown_flag", hello_with<std::uint32_t>(32, 2), Offer{}.descriptors, "malformed"},
      {"not_clean", hello_with<std::uint32_t>(36, 1), Offer{}.descriptors, "malformed"},
      {"no_memory", good_hello(), [] { return std::vector<os::Fd>(); }, "0 descriptors"},
      {"much_memory", good_hello(), [] { return Offer::several(memory(), memory(), memory()); },
       "3 descriptors"},
  };
  for (const std::uint64_t impossible :
       {std::uint64_t{0}, std::uint64_t{1}, shm::least_capacity / 2, capacity + 64, capacity - 1,
        2 * shm::most_capacity, std::uint64_t{1} << 63, UINT64_MAX}) {
    all.push_back({"capacity_" + std::to_string(impossible), hello_with<std::uint64_t>(16, impossible),
                   Offer{}.descriptors, "impossible capacity"});
  }
  all.push_back(hands_over("half_of_it", [] { return memory(region_size / 2); }, "expected are"));
  all.push_back(hands_over("a_byte_less", [] { return memory(region_size - 1); }, "expected are"));
  all.push_back(hands_over("a_page_more", [] { return memory(region_size + 4096); }, "expected are"));
  all.push_back(hands_over("no_bytes", [] { return memory(0); }, "expected are"));
  all.push_back(hands_over(
      "holes", [] { return memory(region_size, all_seals, good_header(), false); }, "are allocated"));
  for (const int missing : {F_SEAL_SEAL, F_SEAL_SHRINK, F_SEAL_GROW, F_SEAL_FUTURE_WRITE, all_seals}) {
    all.push_back(hands_over(
        "seals_without_" + std::to_string(missing),
        [missing] { return memory(region_size, all_seals & ~missing); }, "needed are"));
  }
  all.push_back(
      hands_over("magic", [] { return memory_with([](auto& header) { ++header.magic; }); }, "not a region"));
  all.push_back(hands_over(
      "version", [] { return memory_with([](auto& header) { ++header.version; }); }, "not a region"));
  all.push_back(hands_over(
      "header_size", [] { return memory_with([](auto& header) { header.size = 64; }); }, "not a region"));
  all.push_back(hands_over(
      "other_capacity", [] { return memory_with([](auto& header) { header.capacity *= 2; }); },
      "not a region"));
  all.push_back(
      hands_over("a_file", [] { return opened("/proc/self/exe", O_RDONLY); }, "not of shared memory"));
  all.push_back(hands_over("a_folder", [] { return opened("/", O_RDONLY); }, "not of shared memory"));
  all.push_back(hands_over("a_device", [] { return opened("/dev/zero", O_RDWR); }, "not of shared memory"));
  all.push_back(
      hands_over("an_eventfd", [] { return os::Fd(::eventfd(0, EFD_CLOEXEC)); }, "not of shared memory"));
  all.push_back(hands_over("a_socket", end_of_a_socket_pair, "not of shared memory"));
  all.push_back(hands_over("a_path", [] { return opened_again(memory(), O_PATH); }, "not of shared memory"));
  all.push_back(hands_over(
      "not_readable",
      [] { return opened_again(memory(region_size, all_seals & ~F_SEAL_FUTURE_WRITE), O_WRONLY); },
      "needed are"));
  return all;
}

/// Lies of the one that connects, who also hands over a bell.
std::vector<Offer> lies_of_a_connector() {
  std::vector<Offer> all = lies();
  for (Offer& offer : all) {
    offer.descriptors = [lie = std::move(offer.descriptors)] {
      auto descriptors = lie();
      descriptors.push_back(end_of_a_socket_pair());
      return descriptors;
    };
  }
  const auto bell = [&](std::string name, std::function<os::Fd()> make) {
    all.push_back({std::move(name), good_hello(), [make] { return Offer::several(memory(), make()); }, ""});
  };
  bell("bell_of_memory", [] { return memory(); });
  bell("bell_of_a_pipe", [] {
    int ends[2];
    EXPECT_EQ(::pipe2(ends, O_CLOEXEC), 0);
    ::close(ends[1]);
    return os::Fd(ends[0]);
  });
  bell("bell_of_packets",
       [] { return value_of(os::UnixSocket::pair(os::SocketType::seqpacket)).first.release(); });
  bell("bell_of_the_internet", [] { return os::Fd(::socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0)); });
  all.push_back({"no_bell", good_hello(), [] { return Offer::several(memory()); }, ""});
  return all;
}

void say(os::UnixSocket& socket, const Offer& offer) {
  const auto descriptors = offer.descriptors();
  std::vector<int> numbers;
  for (const os::Fd& fd : descriptors) numbers.push_back(fd.get());
  EXPECT_EQ(value_of(socket.send_with_descriptors(offer.hello, numbers, soon())), offer.hello.size());
}

/// Until the other side has had enough.
void wait_for_end(os::UnixSocket& socket) {
  std::array<std::byte, 256> bytes;
  std::vector<os::Fd> descriptors;
  for (;;) {
    const auto got = socket.receive_with_descriptors(bytes, descriptors, soon());
    if (!got || *got == 0) {
      EXPECT_TRUE(got || got.error().code() == Errc::closed) << got.error().message();
      return;
    }
  }
}

class IntroductionOfAStranger : public testing::Test {
 protected:
  TemporaryFolder folder_;
  std::string address_ = "shm:" + folder_ / "s";
};

TEST_F(IntroductionOfAStranger, as_a_listener_is_refused_by_name) {
  for (const Offer& offer : lies()) {
    SCOPED_TRACE(offer.name);
    auto door = value_of(os::UnixListener::listen(folder_ / "s"));
    std::jthread stranger([&] {
      auto socket = value_of(door.accept(soon()));
      say(socket, offer);
      wait_for_end(socket);
    });
    const auto refused = connect(address_, {.deadline = soon()});
    ASSERT_TRUE(is_error(Errc::protocol_violation, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr(offer.reason));
  }
}

TEST_F(IntroductionOfAStranger, as_a_connector_is_sent_away_and_the_next_is_served) {
  Listener listener = value_of(listen(address_));
  for (const Offer& offer : lies_of_a_connector()) {
    SCOPED_TRACE(offer.name);
    std::jthread others([&] {
      auto socket = value_of(os::UnixSocket::connect(folder_ / "s", os::SocketType::stream, soon()));
      say(socket, offer);
      wait_for_end(socket);
      Channel honest = value_of(connect(address_, {.deadline = soon()}));
      EXPECT_OK(honest.send("good day"));
    });
    Channel channel = value_of(listener.accept(soon()));
    EXPECT_EQ(value_of(channel.borrow(soon())).text(), "good day");
  }
}

TEST_F(IntroductionOfAStranger, who_tells_no_lie_is_let_in) {
  Listener listener = value_of(listen(address_));
  auto socket = value_of(os::UnixSocket::connect(folder_ / "s", os::SocketType::stream, soon()));
  say(socket, {"honest", good_hello(), [] { return Offer::several(memory(), end_of_a_socket_pair()); }});
  EXPECT_OK(listener.accept(soon()));
}

}  // namespace
}  // namespace tenon
