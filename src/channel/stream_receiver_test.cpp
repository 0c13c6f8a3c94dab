#include "channel/stream_receiver.hpp"

#include <gtest/gtest.h>
#include <algorithm>
#include <cerrno>
#include <random>

namespace tenon {
namespace {

using Bytes = std::vector<std::byte>;
using Random = std::mt19937;

Bytes pattern(std::size_t size, std::size_t seed) {
  Bytes bytes(size);
  for (std::size_t index = 0; index < size; ++index)
    bytes[index] = static_cast<std::byte>((index + seed) * 2654435761U >> 24U);
  return bytes;
}

void append_frame(Bytes& stream, const wire::FrameHeader& header, ByteView payload, wire::Mark mark) {
  std::array<std::byte, wire::max_header> front;
  const std::size_t size = wire::encode_header(header, front.data());
  stream.insert(stream.end(), front.data(), front.data() + size);
  stream.insert(stream.end(), payload.begin(), payload.end());
  std::array<std::byte, 8> tail;
  stream.insert(stream.end(), tail.data(),
                tail.data() + wire::encode_tail(payload.size(), mark, tail.data()));
}

/// As a sender lays it out. With `withdrawn_at` it is taken back in that frame; `at_boundary`: before it.
void append_message(Bytes& stream, ByteView message, std::size_t withdrawn_at = SIZE_MAX,
                    bool at_boundary = false) {
  using enum wire::FrameKind;
  for (std::size_t offset = 0, frame = 0;; ++frame) {
    const std::size_t rest = message.size() - offset;
    const std::size_t length = std::min(rest, wire::max_chunk);
    const auto kind = offset == 0 ? (rest > length ? first : whole) : (rest > length ? middle : last);
    if (frame == withdrawn_at && at_boundary)
      return append_frame(stream, {.kind = last}, {}, wire::Mark::withdrawn);
    const bool gone = frame == withdrawn_at;
    append_frame(stream,
                 {.kind = kind, .length = static_cast<std::uint32_t>(length), .total = message.size()},
                 message.subspan(offset, length), gone ? wire::Mark::withdrawn : wire::Mark::committed);
    offset += length;
    if (gone || offset == message.size()) return;
  }
}

/// Gives what it was given in pieces of any size up to `longest`, with moments without data in between; or, for
/// SIZE_MAX, as much as is asked for.
class ChoppedStream final : public os::ByteStream {
 public:
  ChoppedStream(Bytes bytes, Random& random, std::size_t longest)
      : bytes_(std::move(bytes)), random_(random), longest_(longest) {}

  os::Transfer read(std::span<const os::Slice> into, std::vector<os::Fd>&) noexcept override {
    if (longest_ == SIZE_MAX ? at_ == bytes_.size() : random_() % 4 == 0) return {0, EAGAIN};
    std::size_t left = std::min<std::size_t>(1 + random_() % longest_, bytes_.size() - at_);
    if (longest_ == SIZE_MAX) left = bytes_.size() - at_;
    os::Transfer transfer;
    for (const os::Slice& slice : into) {
      const std::size_t size = std::min(slice.size, left);
      std::copy_n(bytes_.data() + at_, size, slice.data);
      at_ += size;
      left -= size;
      transfer.count += size;
    }
    return transfer;
  }
  os::Transfer write(std::span<const os::Slice>, std::span<const int>) noexcept override {
    return {0, EPIPE};
  }
  void finish() noexcept override {}
  void close() noexcept override {}
  void abort() noexcept override {}
  int read_fd() const noexcept override { return -1; }
  int write_fd() const noexcept override { return -1; }
  bool keeps_packets() const noexcept override { return false; }

 private:
  Bytes bytes_;
  std::size_t at_ = 0;
  Random& random_;
  std::size_t longest_;
};

enum class Way { copied, borrowed, either };

/// The next message, however often it has to be asked for. Empty at the end.
std::optional<Bytes> next(StreamReceiver& receiver, Way way, Random& random, std::vector<Message>& held) {
  for (;;) {
    const auto size = receiver.await_message(Deadline::now());
    if (!size && size.error().code() == Errc::timed_out) continue;
    if (!size) return std::nullopt;
    if (way == Way::copied || (way == Way::either && random() % 2 == 0)) {
      Bytes buffer(*size);
      const auto taken = receiver.take(buffer, Deadline::now());
      if (taken && *taken) return buffer;
      continue;
    }
    auto message = receiver.take(Deadline::now());
    if (!message || !*message) continue;
    EXPECT_EQ(reinterpret_cast<std::uintptr_t>((*message)->bytes().data()) % 8, 0u);
    Bytes copy((*message)->bytes().begin(), (*message)->bytes().end());
    if (random() % 2 == 0) held.push_back(std::move(**message));
    if (held.size() > 5) held.clear();
    return copy;
  }
}

class StreamReceiverPieces : public testing::TestWithParam<Way> {};

TEST_P(StreamReceiverPieces, messages_are_whole_wherever_reads_end_and_whatever_is_withdrawn) {
  constexpr std::size_t sizes[] = {0,       1,       5,       64,      65'535,  65'536,  65'537,
                                   131'072, 131'073, 131'075, 196'608, 200'003, 262'144, 1'000'001};
  constexpr std::size_t longest[] = {9, 3000, 70'000, 400'000};
  for (unsigned round = 0; round < 60; ++round) {
    SCOPED_TRACE(round);
    Random random(round);
    Bytes stream;
    std::vector<Bytes> sent;
    for (unsigned number = 0; number < 12; ++number) {
      Bytes message = pattern(sizes[random() % (round % 4 == 0 ? 7 : std::size(sizes))], random());
      const std::size_t frames = std::max<std::size_t>(1, (message.size() + 65'535) / 65'536);
      if (random() % 3 == 0) {
        const std::size_t at = random() % frames;
        append_message(stream, message, at, at > 0 && random() % 2 == 0);
      } else {
        append_message(stream, message);
        sent.push_back(std::move(message));
      }
    }
    append_frame(stream, {.kind = wire::FrameKind::close}, {}, wire::Mark::committed);
    ChoppedStream source(std::move(stream), random, longest[round % 4]);
    StreamReceiver receiver(source, os::WaitMode::block, 1 << 20);
    std::vector<Message> held;
    std::size_t received = 0;
    while (const auto message = next(receiver, GetParam(), random, held)) {
      ASSERT_LT(received, sent.size());
      ASSERT_TRUE(*message == sent[received]) << "message " << received;
      ++received;
    }
    const auto end = receiver.await_message(Deadline::now()).error().code();
    EXPECT_EQ(received, sent.size());
    EXPECT_EQ(end, Errc::closed);
  }
}

INSTANTIATE_TEST_SUITE_P(All, StreamReceiverPieces, testing::Values(Way::copied, Way::borrowed, Way::either));

TEST(StreamReceiver, one_read_fills_four_frames_of_a_long_message) {
  Random random(1);
  Bytes stream;
  const Bytes message = pattern(1 << 20, 7);
  for (int number = 0; number < 3; ++number) append_message(stream, message);
  ChoppedStream source(std::move(stream), random, SIZE_MAX);
  StreamReceiver receiver(source, os::WaitMode::block, 1 << 20);
  std::vector<Message> held;
  for (int number = 0; number < 3; ++number) {
    const auto before = receiver.statistics().system_calls;
    ASSERT_TRUE(next(receiver, Way::copied, random, held) == message);
    // Of the first some came into the buffer, which had not known what would come.
    EXPECT_EQ(receiver.statistics().system_calls - before, number == 0 ? 5u : 4u);
  }
}

TEST(StreamReceiver, a_message_in_one_frame_behind_a_long_one_takes_two_reads) {
  Random random(2);
  Bytes stream;
  append_message(stream, pattern(1 << 20, 3));
  append_message(stream, pattern(65'536, 4));
  ChoppedStream source(std::move(stream), random, SIZE_MAX);
  StreamReceiver receiver(source, os::WaitMode::block, 1 << 20);
  std::vector<Message> held;
  ASSERT_TRUE(next(receiver, Way::copied, random, held) == pattern(1 << 20, 3));
  const auto before = receiver.statistics().system_calls;
  ASSERT_TRUE(next(receiver, Way::copied, random, held) == pattern(65'536, 4));
  EXPECT_LE(receiver.statistics().system_calls - before, 2u);
}

TEST(StreamReceiver, a_long_message_needs_memory_while_the_one_before_is_in_hand) {
  Random random(4);
  Bytes stream;
  for (int number = 0; number < 2; ++number) append_message(stream, pattern(1 << 20, 5));
  ChoppedStream source(std::move(stream), random, SIZE_MAX);
  StreamReceiver receiver(source, os::WaitMode::block, 1 << 20);
  ASSERT_EQ(receiver.await_message(Deadline::now()), 1u << 20U);
  EXPECT_TRUE(receiver.needs_memory()) << "there has been none";
  auto first = receiver.take(Deadline::now());
  ASSERT_TRUE(first && *first);
  ASSERT_EQ(receiver.await_message(Deadline::now()), 1u << 20U);
  EXPECT_TRUE(receiver.needs_memory());
  **first = Message();
  EXPECT_FALSE(receiver.needs_memory());
}

TEST(StreamReceiver, what_came_and_cannot_be_kept_is_written_nowhere_later) {
  constexpr std::uint64_t total = 1ULL << 46U;  // more than any machine has
  Random random(3);
  Bytes stream;
  append_frame(stream, {.kind = wire::FrameKind::first, .length = 65'536, .total = total}, pattern(65'536, 1),
               wire::Mark::committed);
  ChoppedStream source(std::move(stream), random, SIZE_MAX);
  StreamReceiver receiver(source, os::WaitMode::block, total);
  ASSERT_EQ(receiver.await_message(Deadline::now()), total);
  Bytes room(65'536);
  const auto taken = receiver.take(ByteSpan(room.data(), total), Deadline::now());
  ASSERT_FALSE(taken);
  EXPECT_EQ(taken.error().code(), Errc::resource_limit);
  const auto later = receiver.await_message(Deadline::now());
  ASSERT_FALSE(later);
  EXPECT_EQ(later.error().code(), Errc::protocol_violation);
}

}  // namespace
}  // namespace tenon
