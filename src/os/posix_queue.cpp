#include <tenon/os/posix_queue.hpp>

#include <fcntl.h>
#include <mqueue.h>
#include <sys/resource.h>
#include <sys/stat.h>
#include <unistd.h>
#include <cerrno>
#include <fstream>

#include "base/try.hpp"
#include "os/retry.hpp"

namespace tenon::os {
namespace {

constexpr std::size_t hard_messages = 65'536;  // HARD_MSGMAX, HARD_MSGSIZEMAX: mq_overview(7)
constexpr std::size_t hard_message_size = 16'777'216;

Result<std::size_t> read_limit(const char* name) {
  const std::string path = std::string("/proc/sys/fs/mqueue/") + name;
  std::ifstream file(path);
  std::size_t value = 0;
  if (file >> value) return value;
  return std::unexpected(Error(Errc::system_error, "read the limit", path, "is /proc mounted?"));
}

std::string limit_text(const Result<std::size_t>& limit) {
  return limit ? std::to_string(*limit) : "unknown";
}

std::string user_bytes_text() {
  rlimit limit{};
  ::getrlimit(RLIMIT_MSGQUEUE, &limit);
  return limit.rlim_cur == RLIM_INFINITY ? "unlimited" : std::to_string(limit.rlim_cur);
}

Result<void> check_name(std::string_view operation, const std::string& name) {
  const bool one_slash = name.starts_with('/') && name.find('/', 1) == std::string::npos;
  const bool plain = name != "/." && name != "/.." && name.find('\0') == std::string::npos;
  if (one_slash && plain && name.size() >= 2 && name.size() <= 256) return {};
  return std::unexpected(
      Error(Errc::invalid_argument, operation, "'" + name + "'",
            "a queue's name is a slash and 1 to 255 more characters, none of them a slash"));
}

bool descriptor_left() noexcept {
  const Fd probe(::open("/", O_PATH | O_CLOEXEC));
  return static_cast<bool>(probe);
}

/// What mq_open(3) means by its errno on creation: EMFILE stands for two limits, EINVAL for two others.
Error cannot_create(const std::string& name, PosixQueue::Size size, int reason) {
  constexpr std::string_view operation = "create queue";
  const std::string asked =
      std::to_string(size.max_messages) + " messages of " + std::to_string(size.message_size) + " bytes";
  const std::string taken =
      std::to_string(PosixQueueLimits::bytes_taken(size.max_messages, size.message_size));
  switch (reason) {
    case EINVAL:
      return {Errc::resource_limit, operation, name,
              asked + " asked for; this process may have " + limit_text(read_limit("msg_max")) +
                  " messages of " + limit_text(read_limit("msgsize_max")) +
                  " bytes (fs.mqueue.msg_max and fs.mqueue.msgsize_max, raised with sysctl; with "
                  "CAP_SYS_RESOURCE " +
                  std::to_string(hard_messages) + " of " + std::to_string(hard_message_size) + ")",
              reason};
    case EMFILE:
      if (!descriptor_left()) break;
      return {Errc::resource_limit, operation, name,
              asked + " take " + taken + " bytes, and all queues of this user together may take " +
                  user_bytes_text() +
                  " (RLIMIT_MSGQUEUE): raise it with ulimit -q, remove a queue (ls /dev/mqueue), or ask for "
                  "a smaller one",
              reason};
    case ENOMEM:
      return {Errc::resource_limit, operation, name,
              "the kernel has no " + taken + " bytes for it, or they overflow its count", reason};
    case ENOSPC:
      return {
          Errc::resource_limit, operation, name,
          "the machine has its " + limit_text(read_limit("queues_max")) +
              " queues (fs.mqueue.queues_max): remove one (ls /dev/mqueue), or have it raised with sysctl",
          reason};
    case EEXIST:
      return {Errc::already_exists, operation, name,
              "open it, choose another name, or remove it if its users are gone", reason};
    default:
      break;
  }
  return Error::from_errno(operation, name, reason);
}

Error not_open_for(std::string_view operation, const std::string& name) {
  return {Errc::invalid_argument, operation, name, "the queue was not opened for that", EBADF};
}

Result<void> check_owner(const std::string& name, int fd, Trust trust) {
  struct stat found{};
  if (::fstat(fd, &found) != 0) return std::unexpected(Error::from_errno("open queue", name, errno));
  if (trust == Trust::anyone || found.st_uid == ::geteuid() || found.st_uid == 0) return {};
  return std::unexpected(
      Error(Errc::permission_denied, "open queue", name,
            "it belongs to user " + std::to_string(found.st_uid) +
                ", who could stand in for the peer: choose another name, or trust anyone if that is meant"));
}

int open_flags(PosixQueue::Access access) noexcept {
  switch (access) {
    case PosixQueue::Access::receive:
      return O_RDONLY;
    case PosixQueue::Access::send:
      return O_WRONLY;
    case PosixQueue::Access::both:
      break;
  }
  return O_RDWR;
}

constexpr int always = O_NONBLOCK | O_CLOEXEC;

}  // namespace

Result<PosixQueueLimits> PosixQueueLimits::read() {
  PosixQueueLimits limits{};
  limits.messages = TRY(read_limit("msg_max"));
  limits.message_size = TRY(read_limit("msgsize_max"));
  limits.queues = TRY(read_limit("queues_max"));
  rlimit user{};
  ::getrlimit(RLIMIT_MSGQUEUE, &user);
  limits.user_bytes = user.rlim_cur;
  return limits;
}

std::uint64_t PosixQueueLimits::bytes_taken(std::size_t max_messages, std::size_t message_size) noexcept {
  constexpr std::uint64_t per_message = 48;   // struct msg_msg on 64 bits
  constexpr std::uint64_t per_priority = 48;  // struct posix_msg_tree_node
  constexpr std::uint64_t priorities = 32'768;
  const std::uint64_t count = max_messages;
  return count * per_message + (count < priorities ? count : priorities) * per_priority +
         count * message_size;
}

Result<PosixQueue> PosixQueue::create(const std::string& name, Size size, unsigned mode) {
  TRY(check_name("create queue", name));
  if (size.max_messages == 0 || size.message_size == 0) {
    return std::unexpected(Error(Errc::invalid_argument, "create queue", name, "a size must be at least 1"));
  }
  if (size.max_messages > hard_messages || size.message_size > hard_message_size) {
    return std::unexpected(cannot_create(name, size, EINVAL));
  }
  mq_attr attributes{};
  attributes.mq_maxmsg = static_cast<long>(size.max_messages);
  attributes.mq_msgsize = static_cast<long>(size.message_size);
  std::string own_name = name;  // no allocation between making the queue and owning it
  Fd fd(::mq_open(name.c_str(), O_RDWR | O_CREAT | O_EXCL | always, mode & 07777U, &attributes));
  if (!fd) return std::unexpected(cannot_create(name, size, errno));
  PosixQueue queue(std::move(own_name), std::move(fd), true);
  queue.message_size_ = size.message_size;
  if (::fchmod(queue.fd_.get(), mode & 07777U) != 0) {
    return std::unexpected(Error::from_errno("set the mode of queue", name, errno));
  }
  return queue;
}

Result<PosixQueue> PosixQueue::open(const std::string& name, Access access, Trust trust) {
  TRY(check_name("open queue", name));
  Fd fd(::mq_open(name.c_str(), open_flags(access) | always));
  if (!fd) {
    const int reason = errno;
    return std::unexpected(Error::from_errno(
        "open queue", name, reason,
        reason == ENOENT ? "no queue of that name: whoever creates it must be started first" : ""));
  }
  TRY(check_owner(name, fd.get(), trust));
  PosixQueue queue(name, std::move(fd), false);
  queue.message_size_ = TRY(queue.attributes()).message_size;
  return queue;
}

Result<void> PosixQueue::remove(const std::string& name) {
  TRY(check_name("remove queue", name));
  if (::mq_unlink(name.c_str()) == 0) return {};
  return std::unexpected(Error::from_errno("remove queue", name, errno));
}

PosixQueue::PosixQueue(PosixQueue&& other) noexcept
    : name_(std::move(other.name_)),
      fd_(std::move(other.fd_)),
      created_(std::exchange(other.created_, false)),
      message_size_(other.message_size_) {}

PosixQueue& PosixQueue::operator=(PosixQueue&& other) noexcept {
  if (this == &other) return *this;
  remove_own_name();
  name_ = std::move(other.name_);
  fd_ = std::move(other.fd_);
  created_ = std::exchange(other.created_, false);
  message_size_ = other.message_size_;
  return *this;
}

PosixQueue::~PosixQueue() {
  remove_own_name();
}

void PosixQueue::remove_own_name() noexcept {
  if (!std::exchange(created_, false)) return;
  struct stat ours{};
  struct stat there{};
  const Fd now(::mq_open(name_.c_str(), O_RDONLY | always));
  if (!now && errno == ENOENT) return;
  const bool known = now && ::fstat(fd_.get(), &ours) == 0 && ::fstat(now.get(), &there) == 0;
  if (known && (ours.st_ino != there.st_ino || ours.st_dev != there.st_dev)) return;  // someone made it anew
  ::mq_unlink(name_.c_str());
}

Result<void> PosixQueue::send(ByteView message, unsigned priority, Deadline deadline) const {
  for (;;) {
    const char* const text = message.empty() ? "" : reinterpret_cast<const char*>(message.data());
    if (retry([&] { return ::mq_send(fd_.get(), text, message.size(), priority); }) == 0) return {};
    switch (errno) {
      case EAGAIN:
        break;
      case EMSGSIZE:
        return std::unexpected(Error(Errc::message_too_large, "send to queue", name_,
                                     std::to_string(message.size()) +
                                         " bytes, and the queue was created for messages of " +
                                         std::to_string(message_size_),
                                     EMSGSIZE));
      case EINVAL:
        return std::unexpected(Error(Errc::invalid_argument, "send to queue", name_,
                                     "the priority is 0 to " + std::to_string(max_priority), EINVAL));
      case EBADF:
        return std::unexpected(not_open_for("send to queue", name_));
      default:
        return std::unexpected(Error::from_errno("send to queue", name_, errno));
    }
    if (const auto ready = wait_for(fd_.get(), Wait::writable, deadline); !ready) {
      return std::unexpected(ready.error().with("send to queue", name_));
    }
  }
}

Result<PosixQueue::Received> PosixQueue::receive(ByteSpan buffer, Deadline deadline) const {
  for (;;) {
    unsigned priority = 0;
    auto* text = reinterpret_cast<char*>(buffer.data());
    const ssize_t got = retry([&] { return ::mq_receive(fd_.get(), text, buffer.size(), &priority); });
    if (got >= 0) return Received{static_cast<std::size_t>(got), priority};
    switch (errno) {
      case EAGAIN:
        break;
      case EMSGSIZE:
        return std::unexpected(Error(Errc::buffer_too_small, "receive from queue", name_,
                                     "the buffer has " + std::to_string(buffer.size()) +
                                         " bytes and must have " + std::to_string(message_size_) +
                                         ", the queue's message size, for any message",
                                     EMSGSIZE));
      case EBADF:
        return std::unexpected(not_open_for("receive from queue", name_));
      default:
        return std::unexpected(Error::from_errno("receive from queue", name_, errno));
    }
    if (const auto ready = wait_for(fd_.get(), Wait::readable, deadline); !ready) {
      return std::unexpected(ready.error().with("receive from queue", name_));
    }
  }
}

Result<PosixQueue::Attributes> PosixQueue::attributes() const {
  mq_attr found{};
  if (::mq_getattr(fd_.get(), &found) != 0) {
    return std::unexpected(Error::from_errno("read the attributes of queue", name_, errno));
  }
  return Attributes{.max_messages = static_cast<std::size_t>(found.mq_maxmsg),
                    .message_size = static_cast<std::size_t>(found.mq_msgsize),
                    .waiting = static_cast<std::size_t>(found.mq_curmsgs)};
}

}  // namespace tenon::os
