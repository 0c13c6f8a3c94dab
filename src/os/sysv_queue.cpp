#include <tenon/os/sysv_queue.hpp>

#include <sys/msg.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <fstream>
#include <thread>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

using namespace std::chrono_literals;

Result<std::size_t> read_limit(const char* name) {
  const std::string path = std::string("/proc/sys/kernel/") + name;
  std::ifstream file(path);
  std::size_t value = 0;
  if (file >> value) return value;
  return std::unexpected(Error(Errc::system_error, "read the limit", path, "is /proc mounted?"));
}

std::string limit_text(const char* name) {
  const auto limit = read_limit(name);
  return (limit ? std::to_string(*limit) : "unknown") + " (kernel." + name + ")";
}

/// The pauses of a wait that the kernel cannot end for us.
class Pause {
 public:
  explicit Pause(Deadline deadline) noexcept : deadline_(deadline) {}

  /// Errors: timed_out, cancelled.
  Result<void> next() {
    if (deadline_.cancelled()) return std::unexpected(Error(Errc::cancelled, "wait for"));
    if (deadline_.expired()) return std::unexpected(Error(Errc::timed_out, "wait for"));
    if (yields_ > 0) {
      --yields_;
      std::this_thread::yield();
      return {};
    }
    const auto paused = wait_for(-1, Wait::readable, deadline_.or_earlier(Deadline::in(length_)));
    length_ = std::min(length_ * 2, longest);
    if (!paused && paused.error().code() == Errc::cancelled) return paused;
    return {};  // asked once more at the deadline itself
  }

 private:
  static constexpr std::chrono::nanoseconds longest = 1ms;
  Deadline deadline_;
  int yields_ = 20;
  std::chrono::nanoseconds length_ = 50us;
};

/// Makes `call(flags)` until it succeeds or fails for good; 0 or the errno. Errors: timed_out, cancelled.
/// `before_waiting` looks once whether waiting makes sense; its error is passed on.
template <typename Call, typename Check>
Result<int> wait_with(Call call, int would_wait, Deadline deadline, Check before_waiting) {
  if (retry([&] { return call(IPC_NOWAIT); }) >= 0) return 0;
  if (errno != would_wait) return errno;
  TRY(before_waiting());
  if (deadline.is_never() && deadline.canceller() == nullptr)
    return retry([&] { return call(0); }) >= 0 ? 0 : errno;
  for (Pause pause(deadline);;) {
    TRY(pause.next());
    if (retry([&] { return call(IPC_NOWAIT); }) >= 0) return 0;
    if (errno != would_wait) return errno;
  }
}

std::string subject_of(SysvKey key, int id) {
  return "with key " + key.to_string() + ", id " + std::to_string(id);
}

/// Whose the queue of that key is, as far as we may look.
std::string holder_of(SysvKey key) {
  const int id = ::msgget(key.value(), 0);
  msqid_ds found{};
  if (id < 0 || ::msgctl(id, IPC_STAT, &found) != 0) return "another user's, perhaps";
  return "made by user " + std::to_string(found.msg_perm.cuid) + ", last used by pids " +
         std::to_string(found.msg_lspid) + " and " + std::to_string(found.msg_lrpid) + ", id " +
         std::to_string(id);
}

Error removed(std::string_view operation, const std::string& subject, int reason) {
  return {Errc::closed, operation, subject, "the queue was removed", reason};
}

}  // namespace

Result<SysvQueueLimits> SysvQueueLimits::read() {
  SysvQueueLimits limits{};
  limits.message_size = TRY(read_limit("msgmax"));
  limits.queue_bytes = TRY(read_limit("msgmnb"));
  limits.queues = TRY(read_limit("msgmni"));
  return limits;
}

void* SysvQueue::Staging::reserve(std::size_t bytes) {
  if (!memory_ || bytes > room_) {
    room_ = std::max<std::size_t>(bytes, 64);
    memory_ = std::make_unique_for_overwrite<std::byte[]>(sizeof(long) + room_);
  }
  return memory_.get();
}

Result<SysvQueue> SysvQueue::create(SysvKey key, unsigned mode) {
  const int id = ::msgget(key.value(), IPC_CREAT | IPC_EXCL | static_cast<int>(mode & 0777U));
  if (id >= 0) {
    SysvQueue made(id, {}, true);  // owned before anything can throw
    made.subject_ = subject_of(key, id);
    return made;
  }
  const std::string subject = "with key " + key.to_string();
  if (errno == EEXIST) {
    return std::unexpected(
        Error(Errc::already_exists, "create queue", subject,
              holder_of(key) + ": open it, or remove it (ipcrm -Q KEY) if its users are gone", EEXIST));
  }
  if (errno == ENOSPC) {
    return std::unexpected(
        Error(Errc::resource_limit, "create queue", subject,
              "the machine has its " + limit_text("msgmni") +
                  " queues: remove one (ipcs -q, ipcrm -q ID), or have it raised with sysctl",
              ENOSPC));
  }
  return std::unexpected(Error::from_errno("create queue", subject, errno));
}

Result<SysvQueue> SysvQueue::open(SysvKey key, Trust trust) {
  const std::string subject = "with key " + key.to_string();
  if (key.is_private()) {
    return std::unexpected(
        Error(Errc::invalid_argument, "open queue", subject, "a private queue is opened by its id"));
  }
  const int id = ::msgget(key.value(), 0);
  if (id >= 0) return open_id(id, trust);
  return std::unexpected(Error::from_errno(
      "open queue", subject, errno,
      errno == ENOENT ? "no queue has this key: whoever creates it must be started first" : ""));
}

Result<SysvQueue> SysvQueue::open_id(int id, Trust trust) {
  SysvQueue queue(id, "with id " + std::to_string(id), false);
  msqid_ds found{};
  if (::msgctl(id, IPC_STAT, &found) != 0) {
    const int reason = errno == EIDRM || errno == EINVAL ? ENOENT : errno;
    return std::unexpected(Error::from_errno("open queue", queue.subject_, reason));
  }
  queue.subject_ = subject_of(SysvKey::from_value(found.msg_perm.__key), id);
  const uid_t creator = found.msg_perm.cuid;
  if (trust == Trust::anyone || creator == ::geteuid() || creator == 0) return queue;
  return std::unexpected(Error(
      Errc::permission_denied, "open queue", queue.subject_,
      "user " + std::to_string(creator) +
          " made it, who could stand in for the peer: use another key, or trust anyone if that is meant"));
}

SysvQueue::SysvQueue(SysvQueue&& other) noexcept
    : id_(other.id_),
      subject_(std::move(other.subject_)),
      created_(std::exchange(other.created_, false)),
      outgoing_(std::move(other.outgoing_)),
      incoming_(std::move(other.incoming_)) {}

SysvQueue& SysvQueue::operator=(SysvQueue&& other) noexcept {
  if (this == &other) return *this;
  if (created_) ::msgctl(id_, IPC_RMID, nullptr);
  id_ = other.id_;
  subject_ = std::move(other.subject_);
  created_ = std::exchange(other.created_, false);
  outgoing_ = std::move(other.outgoing_);
  incoming_ = std::move(other.incoming_);
  return *this;
}

SysvQueue::~SysvQueue() {
  if (created_) ::msgctl(id_, IPC_RMID, nullptr);
}

/// EINVAL also means "no such queue any more", when it was removed before the call and not during it.
Error SysvQueue::gone_or(std::string_view operation, int reason, Error otherwise) const {
  msqid_ds found{};
  const bool gone = reason == EIDRM || (reason == EINVAL && ::msgctl(id_, IPC_STAT, &found) != 0 &&
                                        (errno == EINVAL || errno == EIDRM));
  return gone ? removed(operation, subject_, reason) : otherwise;
}

Error SysvQueue::cannot_send(std::size_t size, int reason) const {
  if (reason != EINVAL)
    return gone_or("send to queue", reason, Error::from_errno("send to queue", subject_, reason));
  const Error too_large(Errc::message_too_large, "send to queue", subject_,
                        std::to_string(size) + " bytes, and a message has at most " + limit_text("msgmax"),
                        reason);
  return gone_or("send to queue", reason, too_large);
}

Error SysvQueue::cannot_receive(std::size_t room, int reason) const {
  constexpr std::string_view operation = "receive from queue";
  if (reason != E2BIG) return gone_or(operation, reason, Error::from_errno(operation, subject_, reason));
  return {Errc::buffer_too_small, operation, subject_,
          "the next message is longer than " + std::to_string(room) +
              " bytes and stays in the queue; at most it has " + limit_text("msgmax"),
          reason};
}

std::optional<Error> SysvQueue::never_fits(std::size_t size) const {
  const auto now = status();
  if (!now || size <= now->max_bytes) return std::nullopt;
  return Error(Errc::message_too_large, "send to queue", subject_,
               std::to_string(size) + " bytes, and the whole queue has room for " +
                   std::to_string(now->max_bytes) + ": enlarge it (up to " + limit_text("msgmnb") +
                   "), or send less",
               EAGAIN);
}

Result<void> SysvQueue::send(long type, ByteView message, Deadline deadline) {
  if (type < 1) {
    return std::unexpected(
        Error(Errc::invalid_argument, "send to queue", subject_, "a message's type is 1 or more"));
  }
  void* staged = outgoing_.reserve(message.size());
  std::memcpy(staged, &type, sizeof type);
  if (!message.empty())
    std::memcpy(static_cast<std::byte*>(staged) + sizeof type, message.data(), message.size());
  const auto call = [&](int flags) { return ::msgsnd(id_, staged, message.size(), flags); };
  const auto reason = wait_with(call, EAGAIN, deadline, [&]() -> Result<void> {
    if (auto error = never_fits(message.size())) return std::unexpected(*std::move(error));
    return {};
  });
  if (!reason) return std::unexpected(reason.error().with("send to queue", subject_));
  if (*reason != 0) return std::unexpected(cannot_send(message.size(), *reason));
  return {};
}

Result<SysvQueue::Received> SysvQueue::receive(Selector selector, ByteSpan buffer, Deadline deadline) {
  constexpr std::string_view operation = "receive from queue";
  if (selector.type_ < 1) {
    return std::unexpected(
        Error(Errc::invalid_argument, operation, subject_, "a message's type is 1 or more"));
  }
  const bool negative = selector.kind_ == Selector::Kind::lowest_up_to;
  const long wanted = selector.kind_ == Selector::Kind::any ? 0 : negative ? -selector.type_ : selector.type_;
  const int except = selector.kind_ == Selector::Kind::except ? MSG_EXCEPT : 0;
  std::size_t room = std::min<std::size_t>(buffer.size(), std::max<std::size_t>(incoming_.room(), 8192));
  for (;; room = std::min(room * 2, buffer.size())) {
    void* staged = incoming_.reserve(room);
    ssize_t got = -1;
    const auto call = [&](int flags) { return got = ::msgrcv(id_, staged, room, wanted, flags | except); };
    const auto reason = wait_with(call, ENOMSG, deadline, []() -> Result<void> { return {}; });
    if (!reason) return std::unexpected(reason.error().with(operation, subject_));
    if (*reason == E2BIG && room < buffer.size()) continue;
    if (*reason != 0) return std::unexpected(cannot_receive(buffer.size(), *reason));
    Received received{.size = static_cast<std::size_t>(got), .type = 0};
    std::memcpy(&received.type, staged, sizeof received.type);
    if (got > 0) std::memcpy(buffer.data(), static_cast<std::byte*>(staged) + sizeof(long), received.size);
    return received;
  }
}

Result<SysvQueue::Status> SysvQueue::status() const {
  msqid_ds found{};
  if (::msgctl(id_, IPC_STAT, &found) != 0) {
    constexpr std::string_view operation = "read the status of queue";
    const int reason = errno;
    return std::unexpected(gone_or(operation, reason, Error::from_errno(operation, subject_, reason)));
  }
  return Status{.messages = found.msg_qnum,
                .bytes = found.__msg_cbytes,
                .max_bytes = found.msg_qbytes,
                .last_sender_pid = found.msg_lspid,
                .last_receiver_pid = found.msg_lrpid,
                .owner_uid = found.msg_perm.uid,
                .creator_uid = found.msg_perm.cuid,
                .mode = found.msg_perm.mode & 0777U};
}

Result<void> SysvQueue::set_max_bytes(std::size_t bytes) {
  constexpr std::string_view operation = "set the size of queue";
  msqid_ds settings{};
  if (::msgctl(id_, IPC_STAT, &settings) == 0) {
    settings.msg_qbytes = bytes;
    if (::msgctl(id_, IPC_SET, &settings) == 0) return {};
  }
  const int reason = errno;
  const auto limit = read_limit("msgmnb");
  if (reason == EPERM && limit && bytes > *limit) {
    return std::unexpected(Error(Errc::resource_limit, operation, subject_,
                                 std::to_string(bytes) +
                                     " bytes asked for; without CAP_SYS_RESOURCE it may have " +
                                     limit_text("msgmnb"),
                                 reason));
  }
  return std::unexpected(gone_or(operation, reason, Error::from_errno(operation, subject_, reason)));
}

Result<void> SysvQueue::remove() {
  if (::msgctl(id_, IPC_RMID, nullptr) == 0) {
    created_ = false;
    return {};
  }
  const int reason = errno;
  return std::unexpected(
      gone_or("remove queue", reason, Error::from_errno("remove queue", subject_, reason)));
}

}  // namespace tenon::os
