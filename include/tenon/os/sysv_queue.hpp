// System V message queue: whole messages with a type, in an object of the kernel that a number names and that
// outlives its users.
//
// sysvipc(7), msgget(2), msgop(2), msgctl(2). A receiver chooses by type, so one queue can serve both
// directions and many pairs. Nobody sees whether the other side lives. It has no descriptor: it cannot be
// polled (see receive()).
#pragma once

#include <cstddef>
#include <cstdint>
#include <memory>
#include <optional>
#include <string>

#include <tenon/bytes.hpp>
#include <tenon/deadline.hpp>
#include <tenon/error.hpp>
#include <tenon/export.hpp>
#include <tenon/os/owned_name.hpp>
#include <tenon/os/sysv_key.hpp>

namespace tenon::os {

/// The machine's limits (of the IPC namespace), read anew by each read(): /proc/sys/kernel, msgget(2),
/// msgop(2).
struct TENON_EXPORT SysvQueueLimits {
  std::size_t message_size;  ///< bytes of one message: msgmax, 8192 unless raised
  std::size_t queue_bytes;   ///< bytes of all messages in a new queue: msgmnb, 16,384 unless raised
  std::size_t queues;        ///< msgmni, 32,000 unless changed

  static Result<SysvQueueLimits> read();
};

/// One queue. Who created it removes it at the end, unless keep().
///
/// Waiting: a call with Deadline::never() and no canceller sleeps in the kernel. Any other has to ask again
/// and again, because msgrcv(2) has no timeout: a few times at once, then at pauses from 50 µs, doubling up
/// to 1 ms. So a wake-up comes up to about 1 ms late after a long wait, and waiting costs about a thousand
/// wake-ups a second, one to two percent of a core.
///
/// Threads: one thread may send while another receives; the rest from any.
class TENON_EXPORT SysvQueue {
 public:
  /// Which message to take: always the oldest of those that it matches, but for lowest_up_to().
  class Selector {
   public:
    static constexpr Selector any() noexcept { return {Kind::any, 1}; }
    static constexpr Selector exactly(long type) noexcept { return {Kind::exactly, type}; }
    /// The lowest type that is at most `type`, of it the oldest: types as priorities, 1 the most urgent.
    static constexpr Selector lowest_up_to(long type) noexcept { return {Kind::lowest_up_to, type}; }
    /// Any type but this one (MSG_EXCEPT, Linux).
    static constexpr Selector except(long type) noexcept { return {Kind::except, type}; }

   private:
    friend class SysvQueue;
    enum class Kind : std::uint8_t { any, exactly, lowest_up_to, except };
    constexpr Selector(Kind kind, long type) noexcept : kind_(kind), type_(type) {}
    Kind kind_;
    long type_;
  };

  struct Received {
    std::size_t size;
    long type;
  };
  /// msgctl(2), IPC_STAT. Pids are 0 before the first call, and seen from our pid namespace.
  struct Status {
    std::size_t messages;  ///< in it now
    std::size_t bytes;     ///< of them
    std::size_t
        max_bytes;  ///< room for them; also the most *messages*, so that empty ones cannot pile up for ever
    int last_sender_pid;
    int last_receiver_pid;
    std::uint32_t owner_uid;
    std::uint32_t creator_uid;
    unsigned mode;  ///< permission bits
  };

  /// A new queue with exactly `mode` (no umask applies). With SysvKey::make_private() it has no key: hand its
  /// id() on. Errors: already_exists (the text says whose it is), resource_limit (msgmni, with its value).
  static Result<SysvQueue> create(SysvKey key, unsigned mode = 0600);
  /// One that is there, if its creator is one that `trust` allows: a key is no secret, and whoever comes
  /// first has it. Errors: not_found, permission_denied (its mode, or its creator: the text says who).
  static Result<SysvQueue> open(SysvKey key, Trust trust = Trust::own_or_root);
  /// The same by number: a private one that was handed on, or one listed by ipcs(1).
  static Result<SysvQueue> open_id(int id, Trust trust = Trust::own_or_root);

  SysvQueue(SysvQueue&& other) noexcept;
  SysvQueue& operator=(SysvQueue&& other) noexcept;
  ~SysvQueue();

  /// Waits for room, then adds a message of `type` (from 1). Nothing is sent on an error.
  /// Errors: closed (the queue was removed), timed_out, cancelled, message_too_large (beyond msgmax, or
  /// beyond max_bytes: the text says which, and its value), invalid_argument (a type below 1),
  /// permission_denied.
  Result<void> send(long type, ByteView message, Deadline deadline = Deadline::never());

  /// Waits for a message that `selector` matches, and takes it.
  /// Errors: closed (the queue was removed: what was in it is lost), timed_out, cancelled, buffer_too_small
  /// (the message is still there, whole), invalid_argument (a selector with a type below 1),
  /// permission_denied.
  Result<Received> receive(Selector selector, ByteSpan buffer, Deadline deadline = Deadline::never());

  /// Needs read permission on the queue. Errors: closed, permission_denied.
  Result<Status> status() const;
  /// Errors: closed, resource_limit (above msgmnb, whose value is named, without CAP_SYS_RESOURCE),
  /// permission_denied (not its owner or creator).
  Result<void> set_max_bytes(std::size_t bytes);
  /// Removes it now, with what is in it; who waits at it gets `closed`. Errors: closed, permission_denied.
  Result<void> remove();
  /// The queue stays when this object goes, until remove() or the machine restarts.
  void keep() noexcept { created_ = false; }
  /// The opposite: this object removes the queue, as if it had created it. For one whose creator was killed.
  void remove_at_end() noexcept { created_ = true; }

  /// For ipcs(1), ipcrm(1) and open_id(). Never used again for a later queue, in practice: it carries a
  /// sequence number.
  int id() const noexcept { return id_; }

 private:
  /// Memory in the kernel's form: the type, then the bytes.
  class Staging {
   public:
    void* reserve(std::size_t bytes);  ///< room for a message of `bytes`; its content is lost if it must grow
    std::size_t room() const noexcept { return room_; }

   private:
    std::unique_ptr<std::byte[]> memory_;
    std::size_t room_ = 0;
  };

  SysvQueue(int id, std::string subject, bool created) noexcept
      : id_(id), subject_(std::move(subject)), created_(created) {}
  Error gone_or(std::string_view operation, int reason, Error otherwise) const;
  Error cannot_send(std::size_t size, int reason) const;
  Error cannot_receive(std::size_t room, int reason) const;
  std::optional<Error> never_fits(std::size_t size) const;

  int id_;
  std::string subject_;  ///< for errors: the key and the id
  bool created_;
  Staging outgoing_;
  Staging incoming_;
};

}  // namespace tenon::os
