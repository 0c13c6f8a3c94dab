#include <tenon/os/file_watch.hpp>

#include <unistd.h>
#include <cstdlib>
#include <filesystem>
#include <fstream>
#include <thread>

#include <tenon/os/file.hpp>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;

class Watch : public testing::Test {
 protected:
  Watch() {
    std::string name = "/tmp/tenon-watch-" + std::to_string(::getpid()) + "-XXXXXX";
    folder = ::mkdtemp(name.data());
  }
  ~Watch() override { std::filesystem::remove_all(folder); }
  std::string place(const std::string& name = "log") const { return folder + "/" + name; }
  static void expect(FileWatch& watch, Change change, const std::string& name) {
    const FileEvent event = test::value_of(watch.next(Deadline::in(10s)));
    EXPECT_EQ(event.change, change);
    EXPECT_EQ(event.name, name);
  }

  std::string folder;
};

TEST_F(Watch, a_folder_tells_what_is_made_written_and_removed_in_it) {
  FileWatch watch = test::value_of(FileWatch::of_folder(folder));
  EXPECT_ERRC(Errc::timed_out, watch.next(Deadline::now()));
  {
    File file = test::value_of(File::create(place("a")));
    EXPECT_OK(file.append(bytes_of("ping")));
  }
  std::filesystem::rename(place("a"), place("b"));
  std::filesystem::remove(place("b"));
  expect(watch, Change::created, "a");
  expect(watch, Change::modified, "a");
  expect(watch, Change::removed, "a");
  expect(watch, Change::created, "b");
  expect(watch, Change::removed, "b");
  EXPECT_ERRC(Errc::timed_out, watch.next(Deadline::now()));
}

TEST_F(Watch, a_file_tells_when_it_is_written_and_when_it_is_gone_for_good) {
  File file = test::value_of(File::create(place()));
  FileWatch watch = test::value_of(FileWatch::of_file(place()));
  std::jthread writer([&] { EXPECT_OK(file.append(bytes_of("ping"))); });
  expect(watch, Change::modified, "");
  writer.join();
  std::filesystem::remove(place());
  EXPECT_ERRC(Errc::timed_out, watch.next(Deadline::now()));  // somebody has it open
  file = test::value_of(File::create(place()));
  expect(watch, Change::removed, "");
  EXPECT_ERRC(Errc::not_found, watch.next());
}

TEST_F(Watch, an_open_file_is_watched_after_its_name_is_gone) {
  File file = test::value_of(File::create(place()));
  std::filesystem::remove(place());
  FileWatch watch = test::value_of(FileWatch::of_open_file(file.descriptor()));
  EXPECT_OK(file.append(bytes_of("ping")));
  expect(watch, Change::modified, "");
}

TEST_F(Watch, a_wait_can_be_cancelled) {
  FileWatch watch = test::value_of(FileWatch::of_folder(folder));
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  EXPECT_ERRC(Errc::cancelled, watch.next(Deadline::never().unless(canceller)));
}

TEST_F(Watch, lost_events_are_reported) {
  std::ifstream limit("/proc/sys/fs/inotify/max_queued_events");
  int most = 0;
  limit >> most;
  ASSERT_GT(most, 0);
  ASSERT_LT(most, 1 << 20) << "too many to provoke";
  FileWatch watch = test::value_of(FileWatch::of_folder(folder));
  File one = test::value_of(File::create(place("1")));
  File two = test::value_of(File::create(place("2")));
  for (int i = 0; i < most; ++i)
    EXPECT_OK((i % 2 == 0 ? one : two).append(bytes_of("x")));  // equal neighbours merge
  Change last = Change::created;
  while (const auto event = watch.next(Deadline::now())) last = event->change;
  EXPECT_EQ(last, Change::overflow);
}

TEST_F(Watch, what_is_not_there_cannot_be_watched) {
  EXPECT_ERRC(Errc::not_found, FileWatch::of_file(place()));
  const File file = test::value_of(File::create(place()));
  EXPECT_ERRC(Errc::invalid_argument, FileWatch::of_folder(place()));
}

TEST_F(Watch, a_name_is_awaited_until_it_appears) {
  EXPECT_ERRC(Errc::timed_out, wait_until_exists(place(), Deadline::in(5ms)));
  std::jthread maker([&] { std::filesystem::create_directory(place()); });
  EXPECT_OK(wait_until_exists(place(), Deadline::in(10s)));
  EXPECT_OK(wait_until_exists(place(), Deadline::now()));
  EXPECT_ERRC(Errc::not_found, wait_until_exists(folder + "/no/such", Deadline::in(10s)));
}

}  // namespace
}  // namespace tenon::os
