// One direction of a conversation over System V messages: a queue without a key, for two users and nobody else,
// and how one whose users were killed is found.
//
// A System V queue stays until somebody removes it, and has no descriptor that the kernel would close. So each
// side puts a tag into a queue that it uses, a message of a type of its own that says which process it is; a
// queue in which the processes of all tags are gone is nobody's.
#pragma once

#include <cstddef>
#include <cstdint>
#include <optional>
#include <utility>

#include <tenon/error.hpp>

#include "os/byte_stream.hpp"

namespace tenon::os {

class PrivateQueue {
 public:
  /// In front of the bytes that send() and receive() are given there must be room for the message's type.
  static constexpr std::size_t header_size = sizeof(long);
  enum class Side : std::uint8_t { maker, taker };

  /// A new one for this process's user and `peer_uid`. `capacity`: its bytes, if not the system's.
  /// Errors: resource_limit (msgmni queues; msgmnb), both with their value.
  static Result<PrivateQueue> create(unsigned peer_uid, std::optional<std::size_t> capacity);
  /// One that `maker_uid` created for us. Errors: protocol_violation (it is not that).
  static Result<PrivateQueue> adopt(int id, unsigned maker_uid, std::optional<std::size_t> capacity);

  PrivateQueue(PrivateQueue&& other) noexcept
      : id_(std::exchange(other.id_, -1)), side_(other.side_), chunk_(other.chunk_) {}
  PrivateQueue& operator=(PrivateQueue&&) = delete;
  ~PrivateQueue() { remove(); }

  int id() const noexcept { return id_; }
  /// The largest message that send() should be given: two of them fit.
  std::size_t chunk() const noexcept { return chunk_; }

  /// `staged` has header_size bytes of room and then `size` bytes, at least 1. would_block(): no room; EPIPE: the
  /// queue was removed.
  Transfer send(std::byte* staged, std::size_t size) noexcept;
  /// Takes the oldest message, at most `room` bytes behind the header. would_block(): there is none; EPIPE: the
  /// queue was removed; EBADMSG: a message that no tenon sends.
  Transfer receive(std::byte* staged, std::size_t room) const noexcept;

  /// Leaves the queue to the other side, which still reads from it.
  void leave() noexcept;
  /// Removes it with what is in it.
  void remove() noexcept;

  /// Removes those that processes which are gone left behind, as far as this user may; how many. Needs /proc, and
  /// MSG_COPY (a kernel with CONFIG_CHECKPOINT_RESTORE).
  static int remove_orphans() noexcept;

 private:
  PrivateQueue(int id, Side side) noexcept : id_(id), side_(side) {}
  void set_chunk(std::size_t capacity) noexcept;

  int id_;
  Side side_;
  std::size_t chunk_ = 0;
};

}  // namespace tenon::os
