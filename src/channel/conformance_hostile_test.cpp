// Promise 9: a peer that breaks the rules is told apart, disconnected, and harms nobody else.
#include <array>
#include <random>

#include "channel/conformance_test.hpp"
#include "channel/stream.hpp"
#include "wire/frame.hpp"
#include "wire/hello.hpp"
#include "wire/little_endian.hpp"

namespace tenon {
namespace {

using namespace test;

using Bytes = std::vector<std::byte>;

void append(Bytes& to, ByteView what) {
  to.insert(to.end(), what.begin(), what.end());
}

Bytes hello() {
  const auto bytes = wire::encode_hello({1 << 30});
  return {bytes.begin(), bytes.end()};
}

Bytes frame(const wire::FrameHeader& header, wire::Mark mark = wire::Mark::committed) {
  std::array<std::byte, wire::max_header> head;
  std::array<std::byte, 8> tail;
  Bytes bytes(head.begin(),
              head.begin() + static_cast<std::ptrdiff_t>(wire::encode_header(header, head.data())));
  append(bytes, pattern(header.length, 1));
  append(bytes, ByteView(tail).first(wire::encode_tail(header.length, mark, tail.data())));
  return bytes;
}

void read_hello(os::ByteStream& stream) {
  std::array<std::byte, wire::hello_size> theirs;
  std::vector<os::Fd> none;
  std::size_t got = 0;
  while (got < theirs.size()) {
    const os::Slice room{theirs.data() + got, theirs.size() - got};
    const auto transfer = stream.read({&room, 1}, none);
    if (transfer.would_block() ? !stream.wait(os::Wait::readable, soon()) : transfer.count == 0) return;
    got += transfer.count;
  }
}

/// Writes everything, each element in one write, then closes. A first hello is answered before the rest.
/// Stops when the other side has had enough.
void speak(os::ByteStream& stream, const std::vector<Bytes>& writes) {
  for (const Bytes& bytes : writes) {
    ByteView rest = bytes;
    while (!rest.empty()) {
      const os::Slice slice{const_cast<std::byte*>(rest.data()), rest.size()};
      const auto transfer = stream.write({&slice, 1}, {});
      if (transfer.would_block()) {
        if (!stream.wait(os::Wait::writable, soon())) return;
      } else if (transfer.error != 0) {
        return;
      }
      rest = rest.subspan(transfer.count);
    }
    if (&bytes == &writes.front() && bytes == hello()) read_hello(stream);
  }
  stream.close();
}

using enum wire::FrameKind;

/// One broken rule each.
const std::vector<std::pair<const char*, std::vector<Bytes>>>& violations() {
  static const std::vector<std::pair<const char*, std::vector<Bytes>>> all = [] {
    std::vector<std::pair<const char*, std::vector<Bytes>>> list;
    const auto add = [&](const char* name, std::vector<Bytes> frames) {
      list.emplace_back(name, std::move(frames));
    };
    add("zeros", {Bytes(64)});
    add("kind 0", {frame({static_cast<wire::FrameKind>(0), 0, 8, 0})});
    add("kind 200", {frame({static_cast<wire::FrameKind>(200), 0, 8, 0})});
    add("middle first", {frame({middle, 0, 65536, 0})});
    add("last first", {frame({last, 0, 10, 0})});
    add("first of a short message", {frame({first, 0, 65536, 65536})});
    add("first that is not full", {frame({first, 0, 100, 1 << 20})});
    add("beyond the maximum", {frame({first, 0, 65536, 1ULL << 62})});
    add("message in a message", {frame({first, 0, 65536, 200'000}), frame({whole, 0, 10, 10})});
    add("close in a message", {frame({first, 0, 65536, 200'000}), frame({close, 0, 0, 0})});
    add("early end", {frame({first, 0, 65536, 200'000}), frame({last, 0, 5, 0})});
    add("late end", {frame({first, 0, 65536, 65540}), frame({last, 0, 5, 0})});
    add("too many middles", {frame({first, 0, 65536, 65540}), frame({middle, 0, 65536, 0})});
    add("empty last", {frame({first, 0, 65536, 65540}), frame({last, 0, 0, 0})});
    add("descriptors that did not come", {frame({whole, 3, 10, 10})});
    add("five descriptors", {frame({whole, 5, 10, 10})});
    add("descriptors on close", {frame({close, 1, 0, 0})});
    Bytes bad_mark = frame({whole, 0, 10, 10});
    bad_mark.back() = std::byte{0x55};
    add("no mark", {bad_mark});
    Bytes dirty = frame({whole, 0, 10, 10});
    dirty[dirty.size() - 2] = std::byte{1};
    add("dirty padding", {dirty});
    Bytes reserved = frame({whole, 0, 10, 10});
    reserved[6] = std::byte{1};
    add("reserved byte", {reserved});
    Bytes bad_middle_mark = frame({first, 0, 65536, 200'000});
    bad_middle_mark.back() = std::byte{0};
    add("first without a mark", {bad_middle_mark, frame({middle, 0, 65536, 0})});
    return list;
  }();
  return all;
}

CONFORMANCE_SUITE(P09_HostilePeers);

TEST_P(P09_HostilePeers, each_broken_rule_is_a_protocol_violation) {
  if (!is_stream()) return;
  for (const auto& [name, frames] : violations()) {
    const auto meeting = arrange();
    std::jthread hostile([&, &broken = frames] {
      const auto stream = meeting->second_raw();
      std::vector<Bytes> writes{hello(), frame({whole, 0, 100, 100})};
      writes.insert(writes.end(), broken.begin(), broken.end());
      speak(*stream, writes);
    });
    Channel channel = value_of(meeting->first());
    EXPECT_TRUE(is_pattern(value_of(channel.borrow(soon())).bytes(), 1)) << name;
    for (int i = 0; i < 2; ++i) {
      const auto result = channel.borrow(soon());
      EXPECT_TRUE(is_error(Errc::protocol_violation, result)) << name;
      EXPECT_FALSE(result.error().advice().empty() && i == 0) << name;
    }
  }
}

TEST_P(P09_HostilePeers, a_stream_cut_anywhere_is_a_death_and_no_message) {
  if (!is_stream()) return;
  Bytes all;
  for (const auto& part : {frame({first, 0, 65536, 65540}), frame({last, 0, 4, 0})}) append(all, part);
  for (const std::size_t cut : {1UL, 7UL, 8UL, 15UL, 16UL, 17UL, 65551UL, 65552UL, 65559UL, 65560UL, 65567UL,
                                65568UL, 65572UL, 65575UL}) {
    if (keeps_packets() && cut > 65560) continue;  // not one packet
    const auto meeting = arrange();
    std::jthread hostile([&] {
      speak(*meeting->second_raw(),
            {hello(), Bytes(all.begin(), all.begin() + static_cast<std::ptrdiff_t>(cut))});
    });
    Channel channel = value_of(meeting->first());
    EXPECT_ERRC(Errc::peer_died, channel.borrow(soon())) << cut;
  }
}

TEST_P(P09_HostilePeers, random_bytes_after_the_hello_end_in_an_error_and_nothing_else) {
  if (!is_stream()) return;
  std::mt19937_64 random(9);
  for (int trial = 0; trial < 300; ++trial) {
    std::vector<Bytes> writes{hello()};
    Bytes bytes;
    for (int i = 0; i < 4; ++i)
      append(bytes, frame({whole, 0, static_cast<std::uint32_t>(random() % 200), 0}));
    for (std::uint64_t flips = random() % 6; flips > 0; --flips) {
      bytes[random() % bytes.size()] = static_cast<std::byte>(random());
    }
    writes.push_back(bytes);
    const auto meeting = arrange();
    std::jthread hostile([&] { speak(*meeting->second_raw(), writes); });
    Channel channel = value_of(meeting->first());
    Result<Message> message = channel.borrow(soon());
    while (message) message = channel.borrow(soon());
    const Errc code = message.error().code();
    EXPECT_TRUE(code == Errc::protocol_violation || code == Errc::peer_died || code == Errc::closed)
        << message.error().message();
  }
}

TEST_P(P09_HostilePeers, a_violation_disconnects_and_ends_sending) {
  if (!is_stream()) return;
  const auto meeting = arrange();
  std::optional<Result<Channel>> opened;
  std::jthread opening([&] { opened.emplace(meeting->first()); });
  const auto raw = meeting->second_raw();
  const Bytes opening_bytes = hello();
  const os::Slice slice{const_cast<std::byte*>(opening_bytes.data()), opening_bytes.size()};
  ASSERT_EQ(raw->write({&slice, 1}, {}).count, opening_bytes.size());
  opening.join();
  {
    Channel channel = value_of(std::move(*opened));
    Bytes zeros(64);
    const os::Slice bad{zeros.data(), zeros.size()};
    ASSERT_EQ(raw->write({&bad, 1}, {}).count, zeros.size());
    EXPECT_ERRC(Errc::protocol_violation, channel.borrow(soon()));
    EXPECT_ERRC(Errc::protocol_violation, channel.send("hello?"));
  }
  // The hostile side reads our hello and then the end, and no message.
  Bytes received(1 << 16);
  std::vector<os::Fd> none;
  std::size_t total = 0;
  for (;;) {
    const os::Slice room{received.data(), received.size()};
    const auto transfer = raw->read({&room, 1}, none);
    if (transfer.would_block()) {
      ASSERT_OK(raw->wait(os::Wait::readable, soon()));
      continue;
    }
    if (transfer.count == 0) break;
    total += transfer.count;
  }
  EXPECT_LE(total, wire::hello_size + 16);
}

TEST_P(P09_HostilePeers, an_announced_gigabyte_costs_no_memory_until_it_comes) {
  if (!is_stream()) return;
  const auto meeting = arrange();
  std::jthread hostile(
      [&] { speak(*meeting->second_raw(), {hello(), frame({first, 0, 65536, 1ULL << 30})}); });
  Channel channel = value_of(meeting->first());
  EXPECT_ERRC(Errc::peer_died, channel.borrow(soon()));
}

TEST_P(P09_HostilePeers, descriptors_beyond_what_was_announced_are_closed) {
  if (!is_stream()) return;
  if (!promises(Trait::carries_descriptors)) return;
  const auto meeting = arrange();
  std::jthread hostile([&] {
    const auto stream = meeting->second_raw();
    const Bytes opening = hello();
    const Bytes one = frame({whole, 0, 3000, 3000});
    const std::array<int, 4> four{0, 0, 0, 0};
    const os::Slice first_slice{const_cast<std::byte*>(opening.data()), opening.size()};
    EXPECT_EQ(stream->write({&first_slice, 1}, {}).count, opening.size());
    read_hello(*stream);
    const os::Slice slice{const_cast<std::byte*>(one.data()), one.size()};
    for (int i = 0; i < 1000; ++i) {
      const auto transfer = stream->write({&slice, 1}, four);
      if (transfer.would_block()) {
        if (!stream->wait(os::Wait::writable, soon())) return;
      } else if (transfer.error != 0) {
        return;
      }
    }
  });
  Channel channel = value_of(meeting->first());
  Result<Message> message = channel.borrow(soon());
  int taken = 0;
  for (; message; message = channel.borrow(soon())) ++taken;
  EXPECT_TRUE(is_error(Errc::protocol_violation, message));
  EXPECT_LT(taken, 5);
}

TEST_P(P09_HostilePeers, strangers_at_the_door_do_not_keep_others_out) {
  if (!is_stream()) return;
  if (!needs_name()) return;
  const auto meeting = arrange();
  std::optional<Result<Channel>> accepted;
  std::jthread accepting([&] { accepted.emplace(meeting->first()); });  // where it takes two to let one in
  std::vector<std::unique_ptr<os::ByteStream>> strangers;
  for (int i = 0; i < GetParam().most_strangers; ++i) {
    auto stranger = meeting->second_raw();
    Bytes words = i % 3 == 0 ? Bytes() : i % 3 == 1 ? pattern(20, 1) : Bytes(hello());
    if (i % 3 == 2) words.resize(10);  // begins well, and then falls silent
    if (!words.empty()) {
      const os::Slice slice{words.data(), words.size()};
      EXPECT_EQ(stranger->write({&slice, 1}, {}).count, words.size());
    }
    strangers.push_back(std::move(stranger));
  }
  Channel b = value_of(meeting->second());
  accepting.join();
  Channel a = value_of(std::move(*accepted));
  EXPECT_OK(a.send("served"));
  EXPECT_EQ(value_of(b.borrow(soon())).text(), "served");
}

TEST_P(P09_HostilePeers, another_program_or_version_is_refused_with_a_reason) {
  if (!is_stream()) return;
  Bytes version = hello();
  version[8] = std::byte{9};
  const Bytes http = [] {
    const ByteView text = bytes_of("HTTP/1.1 400 Bad Request\r\n");
    return Bytes(text.begin(), text.end());
  }();
  for (const auto& [words, reason] : {std::pair{version, "version 9"}, std::pair{http, "does not speak"}}) {
    if (has_name()) {
      const TemporaryFolder folder;
      auto door = value_of(
          transport_of_row(GetParam()).bind(value_of(Address::parse(address_of(GetParam(), folder)))));
      std::jthread stranger([&, &text = words] {
        Result<StreamConnection> visitor = door.accept(Deadline::now());
        while (!visitor && os::wait_for(door.fd, os::Wait::readable, soon()))
          visitor = door.accept(Deadline::now());
        speak(*value_of(std::move(visitor)).stream, {text});
      });
      const auto result = connect(door.address, {.deadline = soon()});
      ASSERT_TRUE(is_error(Errc::protocol_violation, result));
      EXPECT_THAT(result.error().message(), testing::HasSubstr(reason));
    } else {
      const auto meeting = arrange();
      std::jthread stranger([&, &text = words] { speak(*meeting->second_raw(), {text}); });
      const auto result = meeting->first();
      ASSERT_TRUE(is_error(Errc::protocol_violation, result));
      EXPECT_THAT(result.error().message(), testing::HasSubstr(reason));
    }
  }
}

}  // namespace
}  // namespace tenon
