// The worked examples of docs/wire-format.md: each is made here by the code, and must stand in the document
// byte for byte. A change of the format that forgets its specification fails here.
#include "wire/frame.hpp"

#include <algorithm>
#include <cctype>
#include <fstream>
#include <iterator>
#include <string>
#include <vector>

#include "support/expect.hpp"
#include "wire/datagram.hpp"
#include "wire/hello.hpp"

#ifndef TENON_SOURCE_DIR
#define TENON_SOURCE_DIR "."
#endif

namespace tenon::wire {
namespace {

using Bytes = std::vector<std::byte>;

void append(Bytes& bytes, ByteView more) {
  bytes.insert(bytes.end(), more.begin(), more.end());
}

Bytes frame(const FrameHeader& header, ByteView payload, Mark mark = Mark::committed) {
  std::array<std::byte, max_header> head{};
  std::array<std::byte, 8> tail{};
  Bytes bytes;
  append(bytes, ByteView(head).first(encode_header(header, head.data())));
  append(bytes, payload);
  append(bytes, ByteView(tail).first(encode_tail(payload.size(), mark, tail.data())));
  return bytes;
}

std::string hex(ByteView bytes) {
  static constexpr char digits[] = "0123456789abcdef";
  std::string text;
  for (const std::byte byte : bytes) {
    if (!text.empty()) text += ' ';
    text += digits[std::to_integer<unsigned>(byte) >> 4];
    text += digits[std::to_integer<unsigned>(byte) & 15];
  }
  return text;
}

/// The document with every run of white space as one blank, so that an example may be broken into lines.
std::string specification() {
  std::ifstream file(std::string(TENON_SOURCE_DIR) + "/docs/wire-format.md");
  EXPECT_TRUE(file.is_open())
      << "run this test where TENON_SOURCE_DIR or the current folder is the source folder";
  std::string text;
  for (std::istreambuf_iterator<char> in(file), end; in != end; ++in) {
    const bool blank = std::isspace(static_cast<unsigned char>(*in)) != 0;
    if (!blank)
      text += *in;
    else if (!text.empty() && text.back() != ' ')
      text += ' ';
  }
  return text;
}

void expect_in_specification(ByteView bytes) {
  EXPECT_THAT(specification(), testing::HasSubstr(hex(bytes)));
}

TEST(WireFormatDocument, shows_the_hello) {
  expect_in_specification(encode_hello({1ULL << 30}));
}

TEST(WireFormatDocument, shows_messages_in_one_frame) {
  expect_in_specification(frame({FrameKind::whole, 0, 5, 5}, bytes_of("hello")));
  expect_in_specification(frame({FrameKind::whole, 0, 0, 0}, {}));
  expect_in_specification(frame({FrameKind::whole, 0, 8, 8}, bytes_of("8 bytes!")));
  expect_in_specification(frame({FrameKind::whole, 1, 1, 1}, bytes_of("x")));
}

TEST(WireFormatDocument, shows_the_header_of_a_message_that_is_long_for_one_frame) {
  const Bytes payload(5000, std::byte{'a'});
  expect_in_specification(ByteView(frame({FrameKind::whole, 0, 5000, 5000}, payload)).first(16));
}

TEST(WireFormatDocument, shows_the_frames_of_a_long_message) {
  const Bytes chunk(max_chunk, std::byte{'a'});
  const Bytes first = frame({FrameKind::first, 0, max_chunk, 2 * max_chunk + 3}, chunk);
  const Bytes middle = frame({FrameKind::middle, 0, max_chunk, 0}, chunk);
  expect_in_specification(ByteView(first).first(16));
  expect_in_specification(ByteView(first).last(8));
  expect_in_specification(ByteView(middle).first(8));
  expect_in_specification(frame({FrameKind::last, 0, 3, 0}, bytes_of("end")));
}

TEST(WireFormatDocument, shows_what_is_withdrawn) {
  const Bytes begun = {std::byte{'h'}, std::byte{'e'}, std::byte{0}, std::byte{0}, std::byte{0}};
  expect_in_specification(frame({FrameKind::whole, 0, 5, 5}, begun, Mark::withdrawn));
  expect_in_specification(frame({FrameKind::last, 0, 0, 0}, {}, Mark::withdrawn));
}

TEST(WireFormatDocument, shows_the_close_frame) {
  expect_in_specification(frame({FrameKind::close, 0, 0, 0}, {}));
}

TEST(WireFormatDocument, shows_the_datagrams) {
  constexpr std::uint64_t client = 0x1122334455667788;
  constexpr std::uint64_t listener = 0x99aabbccddeeff00;
  expect_in_specification(encode_greeting({{DatagramKind::hello, 0, 0}, client}));
  expect_in_specification(encode_greeting({{DatagramKind::challenge, 0, client}, listener}));
  expect_in_specification(encode_greeting({{DatagramKind::confirm, 0, listener}, client}));
  expect_in_specification(encode_greeting({{DatagramKind::welcome, 0, client}, listener}));
  Bytes third;
  append(third, encode_datagram({DatagramKind::data, 2, listener}));
  append(third, bytes_of("hello"));
  expect_in_specification(third);
  expect_in_specification(encode_datagram({DatagramKind::close, 3, listener}));
}

}  // namespace
}  // namespace tenon::wire
