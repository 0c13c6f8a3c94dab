// Fuzz target: whatever stands in a segment, the reader yields messages as they were written or an error, within its
// bounds, and comes to an end. libFuzzer calls it (preset `fuzz`); tests/fuzz/replay.cpp runs the seeds in every test
// run.
//
// Input: a byte of options (bit 0: copy messages out, bit 1: of an earlier session, bit 2: the first line is cut),
// then steps that append to the segment. Each is a byte:
//   0  raw bytes: a length (u16, little-endian) and so many bytes
//   1  a record header whose checksum is right: kind, how far its number is from the right one, announced length
//      (u32), bytes that follow (u16)
//   2  a whole message: a length (u16) and so many bytes
//   3  zeros: how many (u16)
// anything else is the end.
#include <fcntl.h>
#include <unistd.h>
#include <cstdlib>
#include <cstring>
#include <filesystem>
#include <optional>
#include <string>
#include <vector>

#include "base/crc32c.hpp"
#include "channel/file/log_reader.hpp"

namespace tenon::filelog {
namespace {

constexpr std::uint64_t max_message_size = 1 << 20;
constexpr std::uint64_t session = 2;

void require(bool condition) {
  if (!condition) std::abort();
}

/// A folder in memory, with a listener in it; gone at exit.
class Folder {
 public:
  Folder() {
    std::string name = std::string(::access("/dev/shm", W_OK) == 0 ? "/dev/shm" : "/tmp") + "/tenon-fuzz-" +
                       std::to_string(::getpid()) + "-XXXXXX";
    require(::mkdtemp(name.data()) != nullptr);
    path_ = name;
    auto place = Place::listen(path_, {});
    require(place.has_value());
    place_ = std::move(*place);
  }
  ~Folder() {
    place_.reset();
    std::error_code ignored;
    std::filesystem::remove_all(path_, ignored);
  }
  const Place& place() const { return *place_; }
  void write(std::uint64_t number, ByteView bytes) const {
    const std::string path = path_ + "/" + segment_name(Direction::to_listener, number);
    ::unlink(path.c_str());
    const os::Fd file(::open(path.c_str(), O_WRONLY | O_CREAT | O_EXCL | O_CLOEXEC, 0600));
    require(::write(file.get(), bytes.data(), bytes.size()) == static_cast<ssize_t>(bytes.size()));
  }

 private:
  std::string path_;
  std::shared_ptr<Place> place_;
};

class Script {
 public:
  explicit Script(ByteView bytes) noexcept : rest_(bytes) {}
  std::uint64_t number(std::size_t size) noexcept {
    std::uint64_t value = 0;
    for (std::size_t i = 0; i < size; ++i) value |= std::to_integer<std::uint64_t>(byte()) << (8 * i);
    return value;
  }
  ByteView bytes(std::size_t size) noexcept {
    const ByteView taken = rest_.first(std::min(size, rest_.size()));
    rest_ = rest_.subspan(taken.size());
    return taken;
  }
  bool ended() const noexcept { return rest_.empty(); }

 private:
  std::byte byte() noexcept {
    const ByteView one = bytes(1);
    return one.empty() ? std::byte{0} : one[0];
  }
  ByteView rest_;
};

/// The segment that the script describes, and the messages that were written as they should be.
class Writer {
 public:
  std::vector<std::byte> log;

  explicit Writer(std::uint64_t of_session) {
    const auto line = wire::encode_segment_header({1, of_session, 1});
    checksum_ = wire::segment_checksum(line.data());
    append(line);
  }
  bool step(Script& script) {
    if (script.ended()) return false;
    switch (script.number(1)) {
      case 0:
        append(script.bytes(script.number(2)));
        return true;
      case 1: {
        const auto kind = static_cast<wire::RecordKind>(script.number(1) % 3);
        const std::uint64_t sequence = next_ + script.number(1);
        const std::uint64_t length = script.number(4);
        record(kind, sequence, length, script.bytes(script.number(2)));
        return true;
      }
      case 2: {
        const ByteView payload = script.bytes(script.number(2));
        record(wire::RecordKind::message, next_++, payload.size(), payload);
        std::byte tail[8];
        append(ByteView(tail).first(wire::encode_record_tail(payload.size(), tail)));
        return true;
      }
      case 3:
        log.resize(log.size() + script.number(2));
        return true;
      default:
        return false;
    }
  }

 private:
  void append(ByteView bytes) { log.insert(log.end(), bytes.begin(), bytes.end()); }
  void record(wire::RecordKind kind, std::uint64_t sequence, std::uint64_t length, ByteView payload) {
    std::byte header[wire::record_header_size];
    wire::encode_record_header({kind, sequence, length, base::crc32c(payload)}, checksum_, header);
    append(header);
    append(payload);
  }

  std::uint32_t checksum_ = 0;
  std::uint64_t next_ = 1;
};

/// One message; false at the end.
bool receive_one(LogReader& reader, bool copy_out, std::vector<std::byte>& buffer) {
  const auto front = reader.look();
  if (!front || *front != LogReader::Front::message) return false;
  require(reader.size() <= max_message_size);
  if (copy_out) {
    buffer.resize(reader.size());
    return reader.take(ByteSpan(buffer)).has_value();
  }
  const auto message = reader.take();
  if (!message) return false;
  require(reinterpret_cast<std::uintptr_t>(message->bytes().data()) % 8 == 0);
  std::uint8_t sum = 0;  // every byte is there to be read
  for (const std::byte byte : message->bytes())
    sum = static_cast<std::uint8_t>(sum + std::to_integer<unsigned>(byte));
  static_cast<void>(sum);
  return true;
}

}  // namespace
}  // namespace tenon::filelog

extern "C" int LLVMFuzzerTestOneInput(const std::uint8_t* data, std::size_t size) {
  using namespace tenon;
  using namespace tenon::filelog;
  static const Folder folder;
  if (size == 0) return 0;
  const unsigned input_options = data[0];
  Script script({reinterpret_cast<const std::byte*>(data) + 1, size - 1});
  const bool earlier = (input_options & 2) != 0;
  Writer writer(earlier ? session - 1 : session);
  while (writer.log.size() < (4U << 20) && writer.step(script)) {
  }
  if ((input_options & 4) != 0) writer.log.resize(script.number(1) % wire::segment_header_size);
  folder.write(1, writer.log);
  folder.write(2, wire::encode_segment_header({2, session, 1}));

  FileOptions options;
  options.channel.max_message_size = max_message_size;
  auto reader = LogReader::open(folder.place(), Direction::to_listener, session, options);
  if (!reader) return 0;
  std::vector<std::byte> buffer;
  // Each message takes more than its header of the log.
  for (std::size_t calls = 0; calls <= writer.log.size() / wire::record_header_size + 1; ++calls) {
    if (!receive_one(*reader, (input_options & 1) != 0, buffer)) return 0;
  }
  std::abort();  // it does not end
}
