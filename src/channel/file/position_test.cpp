// How far a reader has got: written by stores, whole whenever it is killed, and told to a sender that waits for it.
#include <sys/mman.h>
#include <algorithm>
#include <atomic>
#include <csignal>
#include <fstream>
#include <iterator>
#include <random>

#include <tenon/os/file_watch.hpp>

#include "channel/file/file_test.hpp"
#include "channel/file/log_reader.hpp"
#include "channel/file/log_writer.hpp"
#include "os/file_io.hpp"
#include "os/wait.hpp"

namespace tenon {
namespace {

using namespace test;
using namespace filelog;

class FilePosition : public FileChannel {
 protected:
  std::string content() const {
    std::ifstream in(file("to-listener.read"), std::ios::binary);
    return {std::istreambuf_iterator<char>(in), {}};
  }
  bool sender_waits() const { return content().ends_with("sender  waits  \n"); }
  /// Whether this process has such a file mapped.
  static bool is_mapped() {
    std::ifstream maps("/proc/self/maps");
    return std::string(std::istreambuf_iterator<char>(maps), {}).contains("to-listener.read");
  }
};

TEST_F(FilePosition, takes_no_system_call_where_nobody_else_may_write) {
  Pair pair = meet();
  EXPECT_TRUE(is_mapped());
  const auto calls = [&] { return pair.accepted.statistics().received.system_calls; };
  std::vector<std::string> texts(50, "some text");
  const std::vector<ByteView> views = [&] {
    std::vector<ByteView> all;
    for (const auto& text : texts) all.push_back(bytes_of(text));
    return all;
  }();
  EXPECT_EQ(value_of(pair.connected.send_many(views)), views.size());
  const std::string before = content();
  const auto calls_before = calls();
  for (const auto& text : texts) EXPECT_EQ(next(pair.accepted), text);
  EXPECT_EQ(calls(), calls_before + 1) << "one read";
  EXPECT_NE(content(), before);
}

TEST_F(FilePosition, is_written_by_system_calls_where_others_may_write) {
  Pair pair = meet("?mode=0620");
  EXPECT_FALSE(is_mapped());
  for (int i = 1; i <= 3; ++i) EXPECT_OK(send_number(pair.connected, i));
  for (int i = 1; i <= 3; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
  EXPECT_GE(pair.accepted.statistics().received.system_calls, 3u);
}

TEST_F(FilePosition, cut_anywhere_by_a_kill_leaves_the_one_before) {
  {
    Pair pair = meet();
    for (int i = 1; i <= 9; ++i) EXPECT_OK(send_number(pair.connected, i));
    for (int i = 1; i <= 3; ++i) EXPECT_EQ(next(pair.accepted), std::to_string(i));
  }
  const auto place = value_of(Place::listen(path_, {}));
  const auto reader = value_of(PositionFile::open(*place, Direction::to_listener));
  const std::string whole = content();
  const Position before = value_of(reader.read());
  Position after = before;
  ++after.count;
  after.offset += 64;
  ++after.next;
  const auto line = wire::encode_position(after);
  const std::size_t at = after.count % 2 * wire::position_size;
  std::mt19937 random(5);
  for (std::size_t bytes = 0; bytes <= line.size(); ++bytes) {
    for (const int order : {0, 1, 2}) {  // from its beginning, from its end, and any
      std::string cut = whole;
      for (std::size_t i = 0; i < line.size(); ++i) {
        const bool stored = order == 0   ? i < bytes
                            : order == 1 ? i >= line.size() - bytes
                                         : random() % line.size() < bytes;
        if (stored) cut[at + i] = static_cast<char>(line[i]);
      }
      std::fstream(file("to-listener.read"), std::ios::in | std::ios::out | std::ios::binary) << cut;
      const auto found = reader.read();
      ASSERT_TRUE(found == before || found == after) << bytes;
      ASSERT_TRUE(bytes < line.size() || found == after);
    }
  }
}

TEST_F(FilePosition, of_a_reader_killed_at_any_moment_is_that_of_its_last_messages) {
  // What the victim has received, and has dealt with: it says the second before it asks for more.
  void* shared =
      ::mmap(nullptr, sizeof(std::atomic<int>), PROT_READ | PROT_WRITE, MAP_SHARED | MAP_ANONYMOUS, -1, 0);
  ASSERT_NE(shared, MAP_FAILED);
  auto& received = *new (shared) std::atomic<int>(0);
  std::mt19937 random(3);
  for (int trial = 0; trial < 60; ++trial) {
    received = 0;
    const int enough = 1 + static_cast<int>(random() % 400);
    ChildProcess reader([&]() -> int {
      Listener listener = listen_here();
      Channel channel = value_of(listener.accept(soon()));
      for (int i = 0;; ++i) {
        EXPECT_EQ(next(channel), std::to_string(i));
        received = i + 1;
      }
    });
    int sent = 0;
    {
      Channel writer = connect_when_there();
      while (received < enough && sent < 5000) EXPECT_OK(send_number(writer, sent++));
      reader.kill(SIGKILL);
      EXPECT_EQ(reader.wait(), -SIGKILL);
    }
    Pair pair = meet();
    EXPECT_OK(pair.connected.close());
    int first = sent;
    std::optional<int> coming;
    for (auto message = pair.accepted.borrow(soon()); message; message = pair.accepted.borrow(soon())) {
      const int number = std::stoi(std::string(message->text()));
      ASSERT_EQ(number, coming.value_or(number));
      if (!coming) first = number;
      coming = number + 1;
    }
    EXPECT_TRUE(first == received - 1 || first == received)
        << first << " after " << received << " of " << sent;
  }
  ::munmap(shared, sizeof(std::atomic<int>));
}

// ---- Who waits for room

TEST_F(FilePosition, wakes_a_sender_that_waits_in_whatever_order_the_two_look) {
  Listener listener = listen_here();
  std::jthread client([&] { EXPECT_OK(connect(address_, {.deadline = soon()})); });
  value_of(listener.accept(soon())).abort();  // there are positions now
  client.join();
  FileOptions options;
  options.capacity = 64U << 10;
  const auto place = value_of(Place::connect(path_, options, soon()));
  LogWriter writer = value_of(LogWriter::open(*place, Direction::to_listener, 2, options));
  LogReader reader = value_of(LogReader::open(*place, Direction::to_listener, 2, options));
  const auto message = pattern(40'000, 1);  // of which there is room for one
  constexpr int rounds = 5000;
  std::jthread receiver([&](const std::stop_token& stop) {
    std::vector<std::byte> buffer(message.size());
    for (int i = 0; i < rounds; ++i) {
      while (value_of(reader.look()) != LogReader::Front::message) {
        if (stop.stop_requested()) return;
      }
      EXPECT_OK(reader.take(buffer));
      for (std::atomic<int> pause = i % 97 * 20; pause > 0;) --pause;  // at another moment each time
      EXPECT_OK(reader.commit());
    }
  });
  const auto watch = value_of(os::ChangeWatch::create());
  EXPECT_OK(watch.add(writer.position_descriptor()));
  const std::array<ByteView, 1> one{message};
  for (int sent = 0; sent < rounds;) {
    if (value_of(writer.append(one)) == 1) {
      ++sent;
    } else if (value_of(writer.ask_for_room())) {
      watch.drain();
    } else {
      const auto woken = os::wait_for(watch.fd(), os::Wait::readable, soon());
      ASSERT_TRUE(is_ok(woken)) << "round " << sent;
      watch.drain();
    }
  }
}

TEST_F(FilePosition, forgets_a_sender_that_was_killed_while_it_waited) {
  Listener listener = listen_here();
  ChildProcess writer([&] {
    Channel channel = value_of(connect(address_ + "?capacity=64K&wait=block"));
    const auto message = pattern(20'000, 1);
    while (channel.send(message)) {
    }
    return 0;
  });
  Channel channel = value_of(listener.accept(soon()));
  auto watch = value_of(os::FileWatch::of_file(file("to-listener.read")));
  while (!sender_waits()) ASSERT_OK(watch.next(soon()));
  writer.kill(SIGKILL);
  EXPECT_EQ(writer.wait(), -SIGKILL);
  for (int i = 0; i < 2; ++i) EXPECT_OK(channel.borrow(soon()));
  EXPECT_TRUE(content().ends_with("sender  goes on\n"));
}

TEST_F(FilePosition, of_a_file_without_the_line_for_the_sender_goes_on) {
  {
    Pair pair = meet();
    for (int i = 1; i <= 3; ++i) EXPECT_OK(send_number(pair.connected, i));
    EXPECT_EQ(next(pair.accepted), "1");
  }
  std::filesystem::resize_file(file("to-listener.read"), wire::room_line_at);
  Pair pair = meet();
  EXPECT_TRUE(is_mapped());
  EXPECT_EQ(next(pair.accepted), "2");
  EXPECT_EQ(next(pair.accepted), "3");
  EXPECT_EQ(content().size(), wire::position_file_size);
}

}  // namespace
}  // namespace tenon
