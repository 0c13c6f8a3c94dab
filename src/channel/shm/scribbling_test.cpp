// A peer that keeps the rules and breaks them at the same time: while it sends and receives, a thread of it writes
// into every word that it shares. Its victim may get nonsense, and an error; it never reads or writes elsewhere,
// never waits beyond its deadline, and its next peer is served.
#include <sys/mman.h>
#include <unistd.h>
#include <atomic>
#include <cinttypes>
#include <cstdio>
#include <fstream>
#include <random>

#include "channel/conformance_test.hpp"
#include "shm/layout.hpp"
#include "shm/memory.hpp"

#if defined(__has_feature)
#if __has_feature(thread_sanitizer)
/// The hostile peer races with itself on purpose: it writes over what it sends.
extern "C" const char* __tsan_default_suppressions();   // NOLINT(bugprone-reserved-identifier)
extern "C" const char* __tsan_default_suppressions() {  // NOLINT(bugprone-reserved-identifier)
  return "race:scribble\n";
}
#endif
#endif

namespace tenon {
namespace {

using namespace test;
using shm::Memory;

/// What this process may write of a channel's memory.
std::span<std::uint64_t> own_region() {
  std::ifstream maps("/proc/self/maps");
  for (std::string line; std::getline(maps, line);) {
    std::uintptr_t begin = 0;
    std::uintptr_t end = 0;
    std::uint64_t offset = 1;
    if (line.find("rw-s") == std::string::npos || line.find("memfd:tenon-ring") == std::string::npos)
      continue;
    if (std::sscanf(line.c_str(), "%" SCNxPTR "-%" SCNxPTR " rw-s %" SCNx64, &begin, &end, &offset) == 3 &&
        offset == 0) {
      return {reinterpret_cast<std::uint64_t*>(begin), (end - begin) / sizeof(std::uint64_t)};
    }
  }
  return {};
}

/// What to write: anything; what could be a record; what could be a position or a wish.
std::uint64_t nonsense(std::mt19937_64& random) {
  const std::uint64_t any = random();
  switch (random() % 5) {
    case 0:
      return any;
    case 1:
      return any % 0x800;
    case 2:
      return shm::record_word(static_cast<shm::RecordKind>(any % 10),
                              static_cast<std::uint32_t>(any >> 32) % 9000);
    case 3:
      return any % 1024 * shm::cache_line;
    default:
      return 0;
  }
}

enum class Aim : std::uint8_t { everywhere, at_the_words, at_the_records };

std::size_t place(std::mt19937_64& random, std::size_t words, Aim aim) {
  constexpr std::size_t header = shm::header_size / sizeof(std::uint64_t);
  switch (aim) {
    case Aim::everywhere:
      return random() % words;
    case Aim::at_the_words:
      return random() % 32;
    case Aim::at_the_records:
      return header + random() % (words - header) / 8 * 8;
  }
  return 0;
}

/// Lives as a peer of `address` while it spoils what it shares. Ends when it is disconnected, or has had its fun.
int scribble(const std::string& address, unsigned seed) {
  Channel channel = value_of(connect(address, {.deadline = soon()}));
  const auto region = own_region();
  if (region.empty()) return 1;
  std::atomic<bool> over = false;
  std::jthread spoiling([&] {
    std::mt19937_64 random(seed);
    for (int i = 0; i < 200'000 && !over; ++i)
      Memory::store_relaxed(&region[place(random, region.size(), static_cast<Aim>(seed % 3))],
                            nonsense(random));
  });
  std::jthread sending([&] {
    for (std::uint64_t i = 0; i < 3000; ++i) {
      const auto sent = channel.send(pattern(i % 7 == 6 ? 9000 : i % 600, i), Deadline::in(1ms));
      if (!sent && sent.error().code() != Errc::timed_out) break;
    }
  });
  for (int i = 0; i < 3000; ++i) {
    const auto received = channel.borrow(Deadline::in(1ms));
    if (!received && received.error().code() != Errc::timed_out) break;
  }
  over = true;
  return 0;
}

/// Errors that a peer which spoils its own memory has earned.
bool is_earned(Errc code) {
  return code == Errc::protocol_violation || code == Errc::peer_died || code == Errc::closed;
}

/// Uses the channel in every way until there is an error that stays.
void suffer(Channel& channel) {
  const Deadline end = Deadline::in(20s);
  std::jthread sending([&] {
    Result<void> sent;
    for (std::uint64_t i = 0; sent || sent.error().code() == Errc::timed_out; ++i)
      sent = channel.send(pattern(i % 5 == 4 ? 10'000 : i % 900, i), end.or_earlier(Deadline::in(2ms)));
    EXPECT_TRUE(is_earned(sent.error().code())) << sent.error().message();
  });
  const auto largest = channel.traits().max_message_size;
  std::vector<std::byte> buffer(20'000);
  std::vector<Message> held;
  std::uint64_t sum = 0;
  const auto look_at = [&](ByteView bytes) {
    EXPECT_LE(bytes.size(), largest);
    for (const std::byte byte : bytes) sum += static_cast<std::uint64_t>(byte);
  };
  Errc code = Errc::timed_out;
  for (int i = 0; !is_earned(code) && !end.expired(); ++i) {
    if (i % 2 == 0) {
      const auto size = channel.receive(buffer, end.or_earlier(Deadline::in(2ms)));
      if (size) look_at(ByteView(buffer).first(*size));
      code = size ? Errc{} : size.error().code();
      if (code != Errc::buffer_too_small) continue;
    }
    auto message = channel.borrow(end.or_earlier(Deadline::in(2ms)));
    code = message ? Errc{} : message.error().code();
    if (!message) continue;
    look_at(message->bytes());
    held.push_back(std::move(*message));
    if (i % 20 == 19) held.clear();
  }
  EXPECT_TRUE(is_earned(code)) << to_string(code);
  for (const Message& message : held) look_at(message.bytes());
}

TEST(ScribblingPeer, harms_nobody_but_itself) {
  const TemporaryFolder folder;
  for (unsigned seed = 0; seed < 60; ++seed) {
    const std::string address = "shm:" + folder / "s?capacity=16K&max-message-size=64M";
    Listener listener = value_of(listen(address));
    ChildProcess peer([&] { return scribble(address, seed); });
    {
      Channel channel = value_of(listener.accept(soon()));
      suffer(channel);
    }
    EXPECT_EQ(peer.wait(), 0) << "seed " << seed;
    std::jthread honest(
        [&] { EXPECT_OK(value_of(connect(address, {.deadline = soon()})).send("good day")); });
    Channel next = value_of(listener.accept(soon()));
    EXPECT_EQ(value_of(next.borrow(soon())).text(), "good day");
  }
}

}  // namespace
}  // namespace tenon
