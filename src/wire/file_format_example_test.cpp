// The worked examples of docs/file-format.md: each is made here by the code, and must stand in the document. A change
// of the format that forgets its specification fails here.
#include <fstream>
#include <iterator>
#include <string>

#include "base/crc32c.hpp"
#include "support/expect.hpp"
#include "wire/file_log.hpp"

#ifndef TENON_SOURCE_DIR
#define TENON_SOURCE_DIR "."
#endif

namespace tenon::wire {
namespace {

/// What the document shows, as one line of text: blanks at the end of a line are not written there.
std::string shown(std::string_view text) {
  std::string result;
  for (const char c : text) {
    const bool ends = c == '\n';
    while (ends && !result.empty() && result.back() == ' ') result.pop_back();
    result += c;
  }
  return result;
}

void expect_in_specification(std::string_view example) {
  std::ifstream file(std::string(TENON_SOURCE_DIR) + "/docs/file-format.md");
  ASSERT_TRUE(file.is_open());
  const std::string document{std::istreambuf_iterator<char>(file), {}};
  std::string indented = "    ";
  const std::string text = shown(example);
  for (std::size_t i = 0; i < text.size(); ++i) {
    indented += text[i];
    const bool empty_line = i + 1 < text.size() && text[i + 1] == '\n';
    if (text[i] == '\n' && i + 1 < text.size() && !empty_line) indented += "    ";
  }
  EXPECT_THAT(document, testing::HasSubstr(indented));
}

const SegmentHeader segment{1, 1, 1};
const std::uint32_t checksum = segment_checksum(encode_segment_header(segment).data());

std::string record(RecordKind kind, std::uint64_t sequence, std::string_view payload) {
  std::array<std::byte, record_header_size> header;
  std::array<std::byte, 8> tail;
  encode_record_header({kind, sequence, payload.size(), base::crc32c(bytes_of(payload))}, checksum,
                       header.data());
  const std::size_t tail_size = encode_record_tail(payload.size(), tail.data());
  return std::string(text_of(header)).append(payload).append(text_of(ByteView(tail).first(tail_size)));
}

TEST(FileFormatDocument, shows_the_lines_of_tenon) {
  expect_in_specification(text_of(encode_folder_line(true)));
  expect_in_specification(
      std::string(text_of(encode_presence({Role::listener, 4711, 3, Stage::talking, 1 << 30})))
          .append(text_of(encode_presence({Role::connector, 4712, 3, Stage::calling, 1 << 30}))));
}

TEST(FileFormatDocument, shows_a_segment_and_its_records) {
  expect_in_specification(text_of(encode_segment_header(segment)));
  expect_in_specification(record(RecordKind::message, 1, "hello") + record(RecordKind::message, 2, "") +
                          record(RecordKind::message, 3, "8 bytes!"));
  expect_in_specification(record(RecordKind::close, 4, ""));
}

TEST(FileFormatDocument, shows_a_position) {
  expect_in_specification(text_of(encode_position({42, 2, 160, 18})));
  expect_in_specification(text_of(encode_room_line(false)));
  expect_in_specification(text_of(encode_room_line(true)));
}

}  // namespace
}  // namespace tenon::wire
