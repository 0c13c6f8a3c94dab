// Fuzz target: whatever bytes a peer sends after its hello, in whatever pieces, the receiver yields messages or an
// error, within its bounds. libFuzzer calls it (preset `fuzz`); tests/fuzz/replay.cpp runs the seeds in every test run.
//
// Input: a byte of options (bit 0: packets, bit 1: copy out, bit 2: look for the end first), then the stream: each
// piece is a length (u16, little-endian) and its bytes; a length of 0 is a moment without data.
#include <algorithm>
#include <array>
#include <cerrno>
#include <cstdlib>
#include <cstring>
#include <vector>

#include "channel/stream_receiver.hpp"

namespace tenon {
namespace {

constexpr std::uint64_t max_message_size = 1 << 20;

/// A peer that says what the input says, and then is gone.
class ScriptedStream final : public os::ByteStream {
 public:
  ScriptedStream(ByteView script, bool packets) noexcept : script_(script), packets_(packets) {}

  os::Transfer read(std::span<const os::Slice> into, std::vector<os::Fd>&) noexcept override {
    if (piece_.empty() && !next_piece()) return {};
    if (piece_.empty()) return {0, EAGAIN};
    os::Transfer transfer;
    for (const os::Slice& slice : into) {
      const std::size_t size = std::min(slice.size, piece_.size());
      std::memcpy(slice.data, piece_.data(), size);
      piece_ = piece_.subspan(size);
      transfer.count += size;
    }
    if (packets_ && !piece_.empty()) {
      piece_ = {};
      return {0, EBADMSG};
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
  bool keeps_packets() const noexcept override { return packets_; }

 private:
  bool next_piece() noexcept {
    if (script_.size() < 2) return false;
    const std::size_t announced =
        std::to_integer<std::size_t>(script_[0]) | std::to_integer<std::size_t>(script_[1]) << 8;
    piece_ = script_.subspan(2, std::min(announced, script_.size() - 2));
    script_ = script_.subspan(2 + piece_.size());
    return true;
  }

  ByteView script_;
  ByteView piece_;
  bool packets_;
};

void require(bool condition) {
  if (!condition) std::abort();
}

/// One message or error; false at the end.
bool receive_one(StreamReceiver& receiver, bool copy_out, std::vector<std::byte>& buffer) {
  const auto size = receiver.await_message(Deadline::now());
  if (!size) return size.error().code() == Errc::timed_out;
  require(*size <= max_message_size);
  if (copy_out) {
    buffer.resize(*size);
    const auto taken = receiver.take(buffer, Deadline::now());
    return taken || taken.error().code() == Errc::timed_out;
  }
  const auto message = receiver.take(Deadline::now());
  if (!message) return message.error().code() == Errc::timed_out;
  if (*message) {
    require((*message)->size() == *size);
    require(reinterpret_cast<std::uintptr_t>((*message)->bytes().data()) % 8 == 0);
    std::uint8_t sum = 0;  // every byte is there to be read
    for (const std::byte byte : (*message)->bytes())
      sum = static_cast<std::uint8_t>(sum + std::to_integer<std::uint8_t>(byte));
    static_cast<void>(sum);
  }
  return true;
}

}  // namespace
}  // namespace tenon

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon;
  if (size == 0) return 0;
  const unsigned options = data[0];
  ScriptedStream stream({reinterpret_cast<const std::byte*>(data) + 1, size - 1}, (options & 1) != 0);
  StreamReceiver receiver(stream, os::WaitMode::block, max_message_size);
  std::vector<std::byte> buffer;
  // Each call consumes input or ends: pieces of no bytes are the only calls without progress, two bytes each.
  for (std::size_t calls = 0; calls <= 2 * size + 8; ++calls) {
    if (calls == 3 && (options & 4) != 0) receiver.find_end();
    static_cast<void>(receiver.ready());
    if (!receive_one(receiver, (options & 2) != 0, buffer)) return 0;
  }
  std::abort();  // it does not end
}
