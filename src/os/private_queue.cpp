#include "os/private_queue.hpp"

#include <sys/msg.h>
#include <unistd.h>
#include <algorithm>
#include <cerrno>
#include <cstring>
#include <ctime>

#include <tenon/os/sysv_queue.hpp>

#include "base/try.hpp"
#include "os/process_mark.hpp"
#include "os/sysv_table.hpp"

namespace tenon::os {
namespace {

constexpr long data_type = 1;
constexpr long tag_types[] = {0x54454E51, 0x54454E52};  // of the maker, of the taker
constexpr std::uint64_t tag_magic = 0x716776736E6E6574;
/// Execute bits mean nothing for a queue, so nobody sets them: they tell ours before its first tag is there.
constexpr unsigned tenon_mode = 0711;
/// How long after its creation a queue without a tag is nobody's: its maker was killed between two calls.
constexpr long tagless_seconds = 2;
/// Both tags are among the first messages: only a hello is sent before the second.
constexpr long tags_within = 16;
constexpr std::size_t largest_chunk = 64 * 1024;

struct Tag {
  long type;
  std::uint64_t magic;
  ProcessMark mark;
};
static_assert(sizeof(ProcessMark) == 16 && offsetof(Tag, magic) == PrivateQueue::header_size);
constexpr std::size_t tag_size = sizeof(Tag) - PrivateQueue::header_size;

long tag_type(PrivateQueue::Side side) noexcept {
  return tag_types[side == PrivateQueue::Side::maker ? 0 : 1];
}

bool put_tag(int id, PrivateQueue::Side side, const ProcessMark& mark) noexcept {
  const Tag tag{tag_type(side), tag_magic, mark};
  return ::msgsnd(id, &tag, tag_size, IPC_NOWAIT) == 0;
}

std::size_t largest_message() noexcept {
  msginfo limits{};
  return ::msgctl(0, IPC_INFO, reinterpret_cast<msqid_ds*>(&limits)) < 0
             ? 8192
             : static_cast<std::size_t>(limits.msgmax);
}

int broken_if_removed(int error) noexcept {
  return error == EIDRM || error == EINVAL ? EPIPE : error;
}

bool may_be_ours(const SysvQueueEntry& queue, unsigned user) noexcept {
  return queue.key == IPC_PRIVATE && queue.mode == tenon_mode &&
         (queue.owner_uid == user || queue.creator_uid == user);
}

bool was_never_used(const SysvQueueEntry& queue) noexcept {
  return queue.messages == 0 && queue.last_sender_pid == 0 && queue.last_receiver_pid == 0;
}

/// Whether it has tags and the processes of all of them are gone. Takes nothing out of the queue.
bool all_tags_are_stale(int id) noexcept {
  bool tagged = false;
  for (long place = 0; place < tags_within; ++place) {
    Tag tag{};
    const ssize_t size = ::msgrcv(id, &tag, tag_size, place, MSG_COPY | IPC_NOWAIT);
    if (size < 0 && errno == E2BIG) continue;  // something longer than a tag
    if (size < 0) return tagged && errno == ENOMSG;
    const bool is_tag = static_cast<std::size_t>(size) == tag_size && tag.magic == tag_magic &&
                        (tag.type == tag_types[0] || tag.type == tag_types[1]);
    if (!is_tag) continue;
    if (!tag.mark.is_gone()) return false;
    tagged = true;
  }
  return tagged;
}

}  // namespace

Result<PrivateQueue> PrivateQueue::create(unsigned peer_uid, std::optional<std::size_t> capacity) {
  const ProcessMark mark = ProcessMark::of_self();  // before: nothing must delay the tag
  auto made = SysvQueue::create(SysvKey::make_private(), tenon_mode);
  if (!made && made.error().code() == Errc::resource_limit && remove_orphans() > 0)
    made = SysvQueue::create(SysvKey::make_private(), tenon_mode);
  if (!made) return std::unexpected(std::move(made).error());
  if (!put_tag(made->id(), Side::maker, mark))
    return std::unexpected(Error::from_errno("mark", "a System V queue", errno));
  if (capacity) TRY(made->set_max_bytes(*capacity));
  msqid_ds status{};
  bool done = ::msgctl(made->id(), IPC_STAT, &status) == 0;
  if (done && peer_uid != ::geteuid()) {
    status.msg_perm.uid = peer_uid;  // the creator keeps the owner's rights: msgctl(2), sysvipc(7)
    done = ::msgctl(made->id(), IPC_SET, &status) == 0;
  }
  if (!done) return std::unexpected(Error::from_errno("prepare", "a System V queue", errno));
  made->keep();
  PrivateQueue queue(made->id(), Side::maker);
  queue.set_chunk(status.msg_qbytes);
  return queue;
}

Result<PrivateQueue> PrivateQueue::adopt(int id, unsigned maker_uid, std::optional<std::size_t> capacity) {
  msqid_ds status{};
  const bool found = ::msgctl(id, IPC_STAT, &status) == 0;
  if (!found || status.msg_perm.__key != IPC_PRIVATE || (status.msg_perm.mode & 0777U) != tenon_mode ||
      status.msg_perm.cuid != maker_uid || status.msg_perm.uid != ::geteuid()) {
    return std::unexpected(Error(Errc::protocol_violation, "accept", "a System V queue",
                                 "the peer named a queue that it did not make for us"));
  }
  if (capacity) {
    status.msg_qbytes = *capacity;
    if (::msgctl(id, IPC_SET, &status) != 0)
      return std::unexpected(Error::from_errno("set the capacity of", "a System V queue", errno));
  }
  if (!put_tag(id, Side::taker, ProcessMark::of_self()))
    return std::unexpected(Error::from_errno("mark", "a System V queue", errno));
  PrivateQueue queue(id, Side::taker);
  queue.set_chunk(status.msg_qbytes);
  return queue;
}

void PrivateQueue::set_chunk(std::size_t capacity) noexcept {
  const std::size_t half = (capacity - std::min(capacity, 2 * tag_size)) / 2;
  chunk_ = std::clamp<std::size_t>(half, 1, std::min(largest_message(), largest_chunk));
}

Transfer PrivateQueue::send(std::byte* staged, std::size_t size) noexcept {
  std::memcpy(staged, &data_type, sizeof data_type);
  if (::msgsnd(id_, staged, size, IPC_NOWAIT) == 0) return {size, 0};
  msqid_ds status{};
  if (errno == EINVAL && ::msgctl(id_, IPC_STAT, &status) == 0) {  // somebody has lowered kernel.msgmax
    set_chunk(status.msg_qbytes);
    return {0, EAGAIN};
  }
  return {0, broken_if_removed(errno)};
}

Transfer PrivateQueue::receive(std::byte* staged, std::size_t room) const noexcept {
  const ssize_t size = ::msgrcv(id_, staged, room, data_type, IPC_NOWAIT);
  if (size > 0) return {static_cast<std::size_t>(size), 0};
  if (size == 0) return {0, EBADMSG};
  return {0, errno == ENOMSG ? EAGAIN : errno == E2BIG ? EBADMSG : broken_if_removed(errno)};
}

void PrivateQueue::leave() noexcept {
  if (id_ < 0) return;
  Tag tag{};
  static_cast<void>(::msgrcv(id_, &tag, tag_size, tag_type(side_), IPC_NOWAIT));
  id_ = -1;
}

void PrivateQueue::remove() noexcept {
  if (id_ >= 0) ::msgctl(std::exchange(id_, -1), IPC_RMID, nullptr);
}

int PrivateQueue::remove_orphans() noexcept try {
  int removed = 0;
  const unsigned user = ::geteuid();
  for (const SysvQueueEntry& queue : list_sysv_queues()) {
    if (!may_be_ours(queue, user)) continue;
    const bool orphan = was_never_used(queue) ? queue.changed + tagless_seconds < std::time(nullptr)
                                              : all_tags_are_stale(queue.id);
    if (orphan && ::msgctl(queue.id, IPC_RMID, nullptr) == 0) ++removed;
  }
  return removed;
} catch (const std::exception&) {  // no memory: the next one does it
  return 0;
}

}  // namespace tenon::os
