#include <tenon/os/posix_queue.hpp>

#include <mqueue.h>
#include <poll.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <sys/wait.h>
#include <unistd.h>
#include <array>
#include <thread>

#include "support/expect.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;
using testing::HasSubstr;

/// Sizes small enough for many tests at once: all queues of a user share RLIMIT_MSGQUEUE.
constexpr PosixQueue::Size small{.max_messages = 2, .message_size = 16};

std::string name_for(const char* test) {
  return "/tenon-" + std::to_string(::getpid()) + "-" + test;
}

std::string received(const PosixQueue& queue, Deadline deadline = Deadline::never()) {
  std::array<std::byte, 16> buffer;
  const auto got = test::value_of(queue.receive(buffer, deadline));
  return std::string(text_of(ByteView(buffer).first(got.size))) + "/" + std::to_string(got.priority);
}

TEST(PosixQueue, the_highest_priority_comes_first_and_within_it_the_oldest) {
  const auto queue =
      test::value_of(PosixQueue::create(name_for("order"), {.max_messages = 4, .message_size = 16}));
  ASSERT_OK(queue.send(bytes_of("a"), 1));
  ASSERT_OK(queue.send(bytes_of("b"), 7));
  ASSERT_OK(queue.send(bytes_of("c"), 1));
  ASSERT_OK(queue.send(bytes_of(""), 7));
  EXPECT_EQ(received(queue), "b/7");
  EXPECT_EQ(received(queue), "/7");
  EXPECT_EQ(received(queue), "a/1");
  EXPECT_EQ(received(queue), "c/1");
}

TEST(PosixQueue, it_waits_for_room_and_for_messages_until_the_deadline) {
  const auto queue = test::value_of(PosixQueue::create(name_for("waits"), small));
  std::array<std::byte, 16> buffer;
  EXPECT_ERRC(Errc::timed_out, queue.receive(buffer, Deadline::now()));
  EXPECT_ERRC(Errc::timed_out, queue.receive(buffer, Deadline::in(1ms)));
  for (int i = 0; i < 2; ++i) ASSERT_OK(queue.send(bytes_of("x")));
  EXPECT_ERRC(Errc::timed_out, queue.send(bytes_of("y"), 0, Deadline::in(1ms)));
  std::jthread other([&] { EXPECT_EQ(received(queue), "x/0"); });
  EXPECT_OK(queue.send(bytes_of("z")));
}

TEST(PosixQueue, a_wait_can_be_cancelled) {
  const auto queue = test::value_of(PosixQueue::create(name_for("cancel"), small));
  Canceller canceller = test::value_of(Canceller::create());
  std::jthread other([&] { canceller.cancel(); });
  std::array<std::byte, 16> buffer;
  EXPECT_ERRC(Errc::cancelled, queue.receive(buffer, Deadline::never().unless(canceller)));
}

TEST(PosixQueue, its_descriptor_can_be_polled) {
  const auto queue = test::value_of(PosixQueue::create(name_for("poll"), small));
  const auto events = [&] {
    pollfd wait{queue.fd(), POLLIN | POLLOUT, 0};
    ::poll(&wait, 1, 0);
    return wait.revents;
  };
  EXPECT_EQ(events(), POLLOUT);
  ASSERT_OK(queue.send(bytes_of("x")));
  EXPECT_EQ(events(), POLLIN | POLLOUT);
  ASSERT_OK(queue.send(bytes_of("x")));
  EXPECT_EQ(events(), POLLIN);
}

TEST(PosixQueue, another_finds_it_by_name_and_the_attributes_tell_its_state) {
  const std::string name = name_for("open");
  const auto queue = test::value_of(PosixQueue::create(name, small));
  const auto sender = test::value_of(PosixQueue::open(name, PosixQueue::Access::send));
  EXPECT_EQ(sender.message_size(), 16u);
  ASSERT_OK(sender.send(bytes_of("ping"), PosixQueue::max_priority));
  const auto attributes = test::value_of(queue.attributes());
  EXPECT_EQ(attributes.max_messages, 2u);
  EXPECT_EQ(attributes.message_size, 16u);
  EXPECT_EQ(attributes.waiting, 1u);
  EXPECT_EQ(received(queue), "ping/32767");
}

TEST(PosixQueue, a_message_or_a_buffer_of_the_wrong_size_is_refused_and_nothing_is_lost) {
  const auto queue = test::value_of(PosixQueue::create(name_for("size"), small));
  const auto too_large = queue.send(bytes_of("seventeen letters"));
  EXPECT_ERRC(Errc::message_too_large, too_large);
  EXPECT_THAT(too_large.error().message(),
              HasSubstr("17 bytes, and the queue was created for messages of 16"));
  ASSERT_OK(queue.send(bytes_of("ping")));
  std::array<std::byte, 15> buffer;
  EXPECT_ERRC(Errc::buffer_too_small, queue.receive(buffer));
  EXPECT_EQ(received(queue), "ping/0");
}

TEST(PosixQueue, a_call_that_makes_no_sense_is_refused) {
  const std::string name = name_for("sense");
  const auto queue = test::value_of(PosixQueue::create(name, small));
  EXPECT_ERRC(Errc::invalid_argument, queue.send(bytes_of("x"), PosixQueue::max_priority + 1));
  std::array<std::byte, 16> buffer;
  const auto sender = test::value_of(PosixQueue::open(name, PosixQueue::Access::send));
  EXPECT_ERRC(Errc::invalid_argument, sender.receive(buffer, Deadline::now()));
  const auto receiver = test::value_of(PosixQueue::open(name, PosixQueue::Access::receive));
  EXPECT_ERRC(Errc::invalid_argument, receiver.send(bytes_of("x"), 0, Deadline::now()));
}

TEST(PosixQueue, a_name_is_a_slash_and_up_to_255_more) {
  for (const std::string& name : {std::string(""), std::string("/"), std::string("queue"),
                                  std::string("/a/b"), std::string("/.."), "/" + std::string(256, 'x')}) {
    EXPECT_ERRC(Errc::invalid_argument, PosixQueue::create(name, small));
    EXPECT_ERRC(Errc::invalid_argument, PosixQueue::open(name));
  }
  std::string longest = name_for("longest");
  longest.resize(256, 'x');
  EXPECT_OK(PosixQueue::create(longest, small));
}

TEST(PosixQueue, the_name_goes_with_its_creator_unless_kept) {
  const std::string name = name_for("gone");
  {
    auto queue = test::value_of(PosixQueue::create(name, small));
    EXPECT_ERRC(Errc::already_exists, PosixQueue::create(name, small));
    EXPECT_OK(PosixQueue::open(name));
    PosixQueue moved = std::move(queue);
    EXPECT_OK(PosixQueue::open(name));
  }
  EXPECT_ERRC(Errc::not_found, PosixQueue::open(name));
  test::value_of(PosixQueue::create(name, small)).keep();
  EXPECT_OK(PosixQueue::open(name));
  EXPECT_OK(PosixQueue::remove(name));
  EXPECT_ERRC(Errc::not_found, PosixQueue::remove(name));
}

TEST(PosixQueue, a_name_that_someone_else_made_anew_is_left_alone) {
  const std::string name = name_for("anew");
  auto first = std::make_unique<PosixQueue>(test::value_of(PosixQueue::create(name, small)));
  ASSERT_OK(PosixQueue::remove(name));
  const auto second = test::value_of(PosixQueue::create(name, small));
  first.reset();
  EXPECT_OK(PosixQueue::open(name));
}

TEST(PosixQueue, the_mode_is_exact_whatever_the_umask) {
  const mode_t before = ::umask(0);
  const auto narrow = test::value_of(PosixQueue::create(name_for("narrow"), small));
  ::umask(0777);
  const auto wide = test::value_of(PosixQueue::create(name_for("wide"), small, 0622));
  ::umask(before);
  struct stat found{};
  ASSERT_EQ(::fstat(narrow.fd(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777u, 0600u);
  ASSERT_EQ(::fstat(wide.fd(), &found), 0);
  EXPECT_EQ(found.st_mode & 07777u, 0622u);
}

/// Runs `make` as another user, where we may become one; an ordinary user meets nobody else's queue here.
template <typename Make>
bool as_another_user(Make make) {
  if (::geteuid() != 0) return false;
  EXPECT_EQ(::seteuid(65'534), 0);
  make();
  EXPECT_EQ(::seteuid(0), 0);
  return true;
}

TEST(PosixQueue, another_users_queue_is_refused_unless_trusted) {
  const std::string name = name_for("foreign");
  const bool foreign = as_another_user([&] { test::value_of(PosixQueue::create(name, small, 0666)).keep(); });
  if (!foreign) test::value_of(PosixQueue::create(name, small)).keep();
  const auto opened = PosixQueue::open(name);
  EXPECT_EQ(opened.has_value(), !foreign);
  if (!opened) {
    EXPECT_THAT(opened.error().message(), HasSubstr("it belongs to user 65534"));
  }
  EXPECT_OK(PosixQueue::open(name, PosixQueue::Access::both, Trust::anyone));
  EXPECT_OK(PosixQueue::remove(name));
}

TEST(PosixQueue, the_default_queue_fits_nine_times_into_the_default_limit) {
  EXPECT_EQ(PosixQueueLimits::bytes_taken(10, 8192), 82'880u);
  const auto limits = test::value_of(PosixQueueLimits::read());
  EXPECT_GE(limits.messages, 1u);
  EXPECT_GE(limits.message_size, 128u);
}

TEST(PosixQueue, a_size_beyond_the_machines_limit_is_explained) {
  const auto created = PosixQueue::create(name_for("huge"), {.max_messages = 65'537, .message_size = 16});
  EXPECT_ERRC(Errc::resource_limit, created);
  EXPECT_THAT(created.error().message(), HasSubstr("65537 messages of 16 bytes asked for"));
  EXPECT_THAT(created.error().message(), HasSubstr("fs.mqueue.msg_max"));
}

/// With `limit` on `resource` in a child, whose limit it stays: an ordinary user cannot raise it again, and
/// other tests share it.
template <typename Try>
std::string error_under_limit(int resource, rlim_t limit, Try attempt) {
  int ends[2];
  EXPECT_EQ(::pipe(ends), 0);
  const pid_t child = ::fork();
  if (child == 0) {
    const rlimit value{limit, limit};
    ::setrlimit(static_cast<__rlimit_resource_t>(resource), &value);
    const std::string message = attempt();
    [[maybe_unused]] const auto written = ::write(ends[1], message.data(), message.size());
    ::_exit(0);
  }
  Fd read_end(ends[0]);
  Fd(ends[1]).reset();
  std::array<std::byte, 1024> buffer;
  const std::size_t got = test::value_of(read_full(read_end.get(), buffer));
  EXPECT_EQ(::waitpid(child, nullptr, 0), child);
  return std::string(text_of(ByteView(buffer).first(got)));
}

std::string error_of_creation() {
  const auto created = PosixQueue::create(name_for("limited"), small);
  return created ? "created" : created.error().message();
}

TEST(PosixQueue, the_users_limit_of_bytes_is_named_with_its_value_and_what_was_asked) {
  const std::string message = error_under_limit(RLIMIT_MSGQUEUE, 100, error_of_creation);
  EXPECT_THAT(message, HasSubstr("resource limit reached"));
  EXPECT_THAT(message, HasSubstr("2 messages of 16 bytes take 224 bytes"));
  EXPECT_THAT(message, HasSubstr("100 (RLIMIT_MSGQUEUE)"));
}

TEST(PosixQueue, too_few_descriptors_are_told_from_too_few_bytes) {
  const std::string message = error_under_limit(RLIMIT_NOFILE, 0, error_of_creation);
  EXPECT_THAT(message, HasSubstr("no file descriptor left"));
}

}  // namespace
}  // namespace tenon::os
