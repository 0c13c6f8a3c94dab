// POSIX message queue: whole messages with a priority, in a named object of the kernel that outlives its
// users.
//
// mq_overview(7). The highest priority comes first, within it the oldest. A message is never cut or joined.
// Nobody sees whether the other side lives: a queue takes messages with no receiver, and keeps them when its
// sender has died.
#pragma once

#include <cstddef>
#include <cstdint>
#include <string>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/fd.hpp>
#include <tenon/os/owned_name.hpp>

namespace tenon::os {

/// What the machine and the user allow, read anew by each read(): mq_overview(7), getrlimit(2). A privileged
/// process (CAP_SYS_RESOURCE) may have 65,536 messages of 16 MiB, in any number of queues, but `user_bytes`
/// binds it as well.
struct TENON_EXPORT PosixQueueLimits {
  std::size_t messages;      ///< in one queue: /proc/sys/fs/mqueue/msg_max, 10 unless raised
  std::size_t message_size;  ///< bytes: /proc/sys/fs/mqueue/msgsize_max, 8192 unless raised
  std::size_t
      queues;  ///< on the machine (in the IPC namespace): /proc/sys/fs/mqueue/queues_max, 256 unless raised
  std::uint64_t
      user_bytes;  ///< for all queues of the user: RLIMIT_MSGQUEUE (ulimit -q), 819,200 unless raised

  /// Errors: those of reading /proc/sys/fs/mqueue.
  static Result<PosixQueueLimits> read();
  /// What a queue takes of `user_bytes` until it is removed, full or empty: the default one 82,880, so nine
  /// fit.
  static std::uint64_t bytes_taken(std::size_t max_messages, std::size_t message_size) noexcept;
};

/// One open queue, and for who created it also its name.
///
/// Threads: const members from any thread; each message is received once.
class TENON_EXPORT PosixQueue {
 public:
  enum class Access : std::uint8_t { receive, send, both };

  /// The size is fixed at creation; memory is taken when messages come.
  struct Size {
    std::size_t max_messages = 10;
    std::size_t message_size = 8192;  ///< bytes, of the longest message
  };
  struct Attributes {
    std::size_t max_messages;
    std::size_t message_size;
    std::size_t waiting;  ///< messages in it now
  };
  struct Received {
    std::size_t size;
    unsigned priority;
  };

  static constexpr unsigned max_priority = 32767;

  /// A new queue, open for both, with exactly `mode` whatever the umask. `name` is a slash and 1 to 255 more
  /// characters, none a slash. It goes with this object, unless keep(): then it stays until remove(), or
  /// until the machine restarts. Errors: already_exists, invalid_argument (name; a size of 0), resource_limit
  /// (size, number or bytes: the text says which of the limits above, its value, and what was asked for).
  static Result<PosixQueue> create(const std::string& name, Size size, unsigned mode = 0600);
  static Result<PosixQueue> create(const std::string& name) { return create(name, Size{}); }

  /// One that is there. Its messages are only as honest as its owner.
  /// Errors: not_found, permission_denied (the mode, or not an owner that `trust` allows), invalid_argument
  /// (name).
  static Result<PosixQueue> open(const std::string& name, Access access = Access::both,
                                 Trust trust = Trust::own_or_root);

  /// Removes the name; who has it open goes on with it. mq_unlink(3). Errors: not_found, permission_denied.
  static Result<void> remove(const std::string& name);

  PosixQueue(PosixQueue&& other) noexcept;
  PosixQueue& operator=(PosixQueue&& other) noexcept;
  ~PosixQueue();

  /// Waits for room, then puts `message` behind those of its priority. mq_send(3). Nothing is sent on an
  /// error. Errors: timed_out, cancelled, message_too_large (beyond the queue's message_size),
  /// invalid_argument (a priority beyond max_priority; not open for sending).
  Result<void> send(ByteView message, unsigned priority = 0, Deadline deadline = Deadline::never()) const;

  /// Waits for a message and takes it. mq_receive(3). `buffer` must hold message_size() bytes, however short
  /// the message is. Errors: timed_out, cancelled, buffer_too_small (the message is still there),
  /// invalid_argument (not open for receiving).
  Result<Received> receive(ByteSpan buffer, Deadline deadline = Deadline::never()) const;

  Result<Attributes> attributes() const;
  std::size_t message_size() const noexcept { return message_size_; }
  const std::string& name() const noexcept { return name_; }
  /// Readable while a message waits, writable while there is room (level-triggered; Linux, mq_overview(7)).
  /// Stays ours.
  int fd() const noexcept { return fd_.get(); }

  /// The name stays when this object goes.
  void keep() noexcept { created_ = false; }

 private:
  PosixQueue(std::string name, Fd fd, bool created) noexcept
      : name_(std::move(name)), fd_(std::move(fd)), created_(created) {}
  void remove_own_name() noexcept;

  std::string name_;
  Fd fd_;
  bool created_;
  std::size_t message_size_ = 0;
};

}  // namespace tenon::os
