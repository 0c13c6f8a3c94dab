// Damaged files: every flipped bit and every cut of a small log, and of the files beside it. What comes out is what
// went in, up to an error; never anything else.
#include <array>
#include <cstring>
#include <fstream>
#include <iterator>

#include "channel/file/file_test.hpp"
#include "channel/file/log_reader.hpp"

namespace tenon {
namespace {

using namespace test;

using Bytes = std::vector<char>;

class FileDamage : public FileChannel {
 protected:
  static Bytes read_all(const std::string& path) {
    std::ifstream in(path, std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  static void write_all(const std::string& path, const Bytes& bytes) {
    std::ofstream(path, std::ios::binary | std::ios::trunc)
        .write(bytes.data(), static_cast<std::streamsize>(bytes.size()));
  }

  static void put(const std::string& path, std::size_t at, char byte) {
    std::fstream(path, std::ios::binary | std::ios::in | std::ios::out)
        .seekp(static_cast<std::streamoff>(at))
        .put(byte);
  }

  /// A log as its writer left it, and the seat of a listener who is to read it.
  void leave(const std::vector<std::string>& texts) {
    {
      Pair pair = meet();
      for (const auto& text : texts) EXPECT_OK(pair.connected.send(text));
      pair.accepted.abort();
    }
    texts_ = texts;
    place_ = value_of(filelog::Place::listen(path_, {}));
  }

  /// What a reader of `session` gets; the error at the end, or none when nothing more is there.
  std::optional<Error> read_back(std::uint64_t session, std::size_t& count) {
    count = 0;
    auto reader = filelog::LogReader::open(*place_, filelog::Direction::to_listener, session, {});
    if (!reader) return reader.error();
    for (;;) {
      const auto front = reader->look();
      if (!front) return front.error();
      if (*front != filelog::LogReader::Front::message) return std::nullopt;
      auto message = reader->take();
      if (!message) return message.error();
      EXPECT_LT(count, texts_.size());
      EXPECT_EQ(message->text(), texts_.at(count)) << "wrong data";
      ++count;
    }
  }

  std::shared_ptr<filelog::Place> place_;
  std::vector<std::string> texts_;
};

TEST_F(FileDamage, of_any_bit_of_a_log_is_reported_and_never_delivered) {
  leave({"first", "", "the third one", "8 bytes!", "last"});
  const std::string log = file(segment(1));
  const Bytes whole = read_all(log);
  for (std::size_t bit = 0; bit < 8 * whole.size(); ++bit) {
    put(log, bit / 8, static_cast<char>(whole[bit / 8] ^ (1 << bit % 8)));
    std::size_t count = 0;
    const auto error = read_back(1, count);
    put(log, bit / 8, whole[bit / 8]);
    ASSERT_TRUE(error) << "bit " << bit << " of byte " << bit / 8;
    EXPECT_EQ(error->code(), Errc::protocol_violation);
    EXPECT_THAT(error->message(), testing::HasSubstr(segment(1)));
  }
  std::size_t count = 0;
  EXPECT_FALSE(read_back(1, count));
  EXPECT_EQ(count, texts_.size());
}

TEST_F(FileDamage, by_a_cut_at_any_byte_leaves_the_whole_messages_before_it) {
  leave({"first", "", "the third one", "8 bytes!", "last"});
  const std::string log = file(segment(1));
  const Bytes whole = read_all(log);
  std::size_t count = 0;
  ASSERT_FALSE(read_back(1, count));
  EXPECT_EQ(count, texts_.size());
  for (std::size_t size = whole.size(); size > wire::segment_header_size; --size) {
    std::filesystem::resize_file(log, size);
    const std::size_t before = count;
    const auto error = read_back(1, count);
    ASSERT_FALSE(error) << "cut at " << size << ": " << error->message();
    EXPECT_LE(count, before);
  }
  EXPECT_EQ(count, 0u);
}

TEST_F(FileDamage, of_a_long_message_is_reported_too) {
  leave({std::string(300'000, 'x'), "after"});
  const std::string log = file(segment(1));
  const Bytes whole = read_all(log);
  for (const std::size_t byte :
       {151UL, 152UL, 300UL, 200'000UL, 300'000UL, 300'151UL, 300'152UL, 300'160UL}) {
    Bytes flipped = whole;
    flipped[byte] = static_cast<char>(flipped[byte] ^ 4);
    write_all(log, flipped);
    std::size_t count = 0;
    const auto error = read_back(1, count);
    ASSERT_TRUE(error) << byte;
    EXPECT_EQ(error->code(), Errc::protocol_violation) << byte;
    EXPECT_EQ(count, byte < 300'160 ? 0u : 1u) << byte;
  }
}

TEST_F(FileDamage, of_a_length_costs_no_memory) {
  leave({"x"});
  const std::string log = file(segment(1));
  const Bytes whole = read_all(log);
  Bytes forged = whole;
  // With right checksums: as somebody would write it who means harm.
  std::array<std::byte, wire::record_header_size> header;
  wire::encode_record_header({wire::RecordKind::message, 1, 1 << 29, 0},
                             wire::segment_checksum(reinterpret_cast<const std::byte*>(whole.data())),
                             header.data());
  std::memcpy(forged.data() + wire::segment_header_size, header.data(), header.size());
  write_all(log, forged);
  std::size_t count = 0;
  EXPECT_FALSE(read_back(1, count)) << "it looks as if the rest were to come";
  EXPECT_EQ(count, 0u);
}

TEST_F(FileDamage, of_one_of_two_positions_changes_nothing_and_of_both_is_reported) {
  {
    Pair pair = meet();
    for (int i = 1; i <= 3; ++i) EXPECT_OK(send_number(pair.connected, i));
    EXPECT_EQ(next(pair.accepted), "1");
    EXPECT_EQ(next(pair.accepted), "2");
  }
  const std::string position = file("to-listener.read");
  const Bytes whole = read_all(position);
  ASSERT_EQ(whole.size(), wire::position_file_size);
  Bytes both = whole;
  both[20] = both[130] = 'x';
  write_all(position, both);
  {
    const Listener listener = listen_here();
    const auto refused = connect(address_);
    ASSERT_TRUE(is_error(Errc::protocol_violation, refused));
    EXPECT_THAT(refused.error().message(), testing::HasSubstr("remove that file"));
  }
  std::filesystem::remove(position);  // as it says: some of it comes again
  {
    Pair pair = meet();
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
  }
}

TEST_F(FileDamage, of_the_file_tenon_is_reported) {
  {
    Pair pair = meet();
    EXPECT_OK(pair.connected.send("kept"));
  }
  const Bytes whole = read_all(file("tenon"));
  for (const std::size_t byte : {5UL, 100UL, 200UL, 287UL}) {
    Bytes other = whole;
    other[byte] = '!';
    write_all(file("tenon"), other);
    EXPECT_ERRC(Errc::protocol_violation, listen(address_)) << byte;
  }
  write_all(file("tenon"), Bytes(whole.begin(), whole.begin() + 100));
  EXPECT_ERRC(Errc::protocol_violation, listen(address_));
  write_all(file("tenon"), {});  // its maker was killed before it was written
  Pair pair = meet();
  EXPECT_EQ(next(pair.accepted), "kept");
}

TEST_F(FileDamage, by_a_segment_that_is_gone_is_reported) {
  {
    Pair pair = meet("?capacity=256K");
    for (std::uint64_t i = 0; i < 200; ++i) EXPECT_OK(pair.connected.send(pattern(1000, i), soon()));
  }
  std::filesystem::remove(file(segment(2)));
  Pair pair = meet();
  Result<Message> message = pair.accepted.borrow(soon());
  std::uint64_t count = 0;
  for (; message; message = pair.accepted.borrow(soon()), ++count)
    EXPECT_TRUE(is_pattern(message->bytes(), count));
  EXPECT_TRUE(is_error(Errc::protocol_violation, message));
  EXPECT_LT(count, 100u);
  EXPECT_ERRC(Errc::protocol_violation, pair.accepted.send("and the channel has ended"));
}

TEST_F(FileDamage, while_it_is_read_is_an_error_and_no_crash) {
  Pair pair = meet();
  EXPECT_OK(pair.connected.send(std::string(1000, 'a')));
  EXPECT_EQ(next(pair.accepted).size(), 1000u);
  std::filesystem::resize_file(file(segment(1)), 50);
  EXPECT_ERRC(Errc::timed_out, pair.accepted.borrow(Deadline::now()));
  EXPECT_OK(pair.connected.send("behind a hole"));
  EXPECT_EQ(next(pair.accepted), "behind a hole") << "what was cut had been read";
  std::ofstream(file(segment(1)), std::ios::app) << std::string(100, 'z');
  EXPECT_ERRC(Errc::protocol_violation, pair.accepted.borrow(soon()));
}

}  // namespace
}  // namespace tenon
