// The two roles of the demo: a server that gives back and digests what it is sent, a client that measures and
// compares. Each runs in a process of its own. How the processes are started and ended is demo.cpp's.
//
// What they say to each other, one message after another:
//   client: any message            server: the same message                      until the client sends an
//   empty one client: "name\0content"        server: nothing                               until the client
//   sends an empty one
//                                  server: one line "digest name" for each
//   client: a size in decimal      server: "ready"
//   client: that many bytes        server: "received", then their digest
#pragma once

#include <algorithm>
#include <array>
#include <charconv>
#include <chrono>
#include <cstdint>
#include <cstdio>
#include <cstring>
#include <filesystem>
#include <fstream>
#include <iterator>
#include <sstream>
#include <string>
#include <string_view>
#include <vector>

#include <tenon/channel.hpp>
#include <tenon/os/mapped_file.hpp>

namespace demo {

using tenon::ByteView;
using tenon::Channel;
using tenon::Deadline;
using Clock = std::chrono::steady_clock;

inline constexpr std::size_t ball_size = 64;        ///< bytes of a round trip's message
inline constexpr std::size_t piece_size = 1 << 20;  ///< bytes of a message of the large file, at most

/// How long one answer may take: far beyond any real one, but the demo never hangs.
inline Deadline patience() {
  return Deadline::in(std::chrono::seconds(60));
}

/// FNV-1a, 64 bits (http://www.isthe.com/chongo/tech/comp/fnv/): finds accidents, not forgeries.
class Digest {
 public:
  Digest& add(ByteView bytes) noexcept {
    for (const std::byte byte : bytes)
      state_ = (state_ ^ std::to_integer<std::uint64_t>(byte)) * 0x100000001b3U;
    return *this;
  }
  std::string text() const {
    std::array<char, 17> hexadecimal{};
    std::snprintf(hexadecimal.data(), hexadecimal.size(), "%016llx", static_cast<unsigned long long>(state_));
    return hexadecimal.data();
  }

 private:
  std::uint64_t state_ = 0xcbf29ce484222325U;
};

/// "digest name" of a file that travels as "name\0content".
inline std::string digest_line(ByteView message) {
  const std::string_view text = tenon::text_of(message);
  return Digest().add(message).text() + " " + std::string(text.substr(0, text.find('\0'))) + "\n";
}

inline void serve(Channel& channel) {
  while (true) {  // give back
    const auto message = channel.borrow(patience()).value();
    if (message.empty()) break;
    channel.send(message.bytes(), patience()).value();
  }
  if (!channel.traits().has(tenon::Trait::lossless)) return;

  std::string digests;
  while (true) {  // files
    const auto message = channel.borrow(patience()).value();
    if (message.empty()) break;
    digests += digest_line(message.bytes());
  }
  channel.send(digests, patience()).value();

  std::size_t size = 0;  // the large file
  const auto announced = channel.borrow(patience()).value();
  std::from_chars(announced.text().data(), announced.text().data() + announced.size(), size);
  std::vector<std::byte> content(size);
  channel.send("ready", patience()).value();
  for (std::size_t at = 0; at < size;)
    at += channel.receive(std::span(content).subspan(at), patience()).value();
  channel.send("received", patience()).value();
  channel.send(Digest().add(content).text(), patience()).value();
}

/// What the client found out.
struct Row {
  std::vector<std::int64_t> round_trips_ns;  ///< sorted
  double megabytes_per_s = 0;                ///< of 10^6 bytes
  std::size_t files = 0;                     ///< sent, the large one included
  bool equal = false;                        ///< every byte given back, every digest

  /// The smallest sample that is not exceeded by `part` of all samples: no interpolation, no buckets.
  double quantile_us(double part) const {
    const auto rank = static_cast<std::size_t>(part * static_cast<double>(round_trips_ns.size()) + 0.999999);
    return static_cast<double>(round_trips_ns.at(std::max<std::size_t>(rank, 1) - 1)) / 1000.0;
  }
};

inline bool measure_round_trips(Channel& channel, int rounds, Row& row) {
  std::array<std::byte, ball_size> ball{};
  std::array<std::byte, ball_size> back{};
  bool equal = true;
  row.round_trips_ns.reserve(static_cast<std::size_t>(rounds));
  for (int round = 0; round < rounds; ++round) {
    ball.fill(static_cast<std::byte>(round));
    std::memcpy(ball.data(), &round, sizeof round);
    const auto start = Clock::now();
    channel.send(ball, patience()).value();
    const std::size_t size = channel.receive(back, patience()).value();
    row.round_trips_ns.push_back((Clock::now() - start) / std::chrono::nanoseconds(1));
    equal = equal && size == ball.size() && back == ball;
  }
  channel.send("", patience()).value();
  std::ranges::sort(row.round_trips_ns);
  return equal;
}

/// Sends every file below `root` that `list` names, one message each.
inline bool send_files(Channel& channel, const std::string& root, const std::string& list, Row& row) {
  std::string digests;
  std::ifstream names(list);
  for (std::string name; std::getline(names, name, '\0');) {
    std::ifstream file(root + "/" + name, std::ios::binary);
    std::string message = name + '\0';
    message.append(std::istreambuf_iterator<char>(file), {});
    if (message.size() > channel.traits().max_message_size) continue;  // type=dgram: one packet
    channel.send(message, patience()).value();
    digests += digest_line(tenon::bytes_of(message));
    ++row.files;
  }
  channel.send("", patience()).value();
  return channel.borrow(patience()).value().text() == digests;
}

inline bool send_large_file(Channel& channel, const std::string& path, Row& row) {
  const auto file = tenon::os::MappedFile::open(path, tenon::os::Access::read).value();
  channel.send(std::to_string(file.size()), patience()).value();
  if (channel.borrow(patience()).value().text() != "ready") return false;

  const std::size_t piece = std::min<std::uint64_t>(piece_size, channel.traits().max_message_size);
  const auto start = Clock::now();
  for (ByteView rest = file.view(); !rest.empty(); rest = rest.subspan(std::min(piece, rest.size()))) {
    channel.send(rest.first(std::min(piece, rest.size())), patience()).value();
  }
  if (channel.borrow(patience()).value().text() != "received") return false;
  const std::chrono::duration<double> taken = Clock::now() - start;

  row.megabytes_per_s = static_cast<double>(file.size()) / 1e6 / taken.count();
  ++row.files;
  return channel.borrow(patience()).value().text() == Digest().add(file.view()).text();
}

}  // namespace demo
