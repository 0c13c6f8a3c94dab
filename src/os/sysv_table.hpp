// The machine's System V message queues, as everybody may see them. proc_sysvipc(5).
#pragma once

#include <cstdint>
#include <vector>

namespace tenon::os {

/// A line of /proc/sysvipc/msg.
struct SysvQueueEntry {
  int key;
  int id;
  unsigned mode;  ///< permission bits
  std::uint64_t messages;
  int last_sender_pid;    ///< 0: nobody yet, or not of our pid namespace
  int last_receiver_pid;  ///< likewise
  unsigned owner_uid;
  unsigned creator_uid;
  std::int64_t changed;  ///< when it was made, or its owner or size changed: seconds since 1970
};

/// All of this IPC namespace; empty where /proc is not mounted.
std::vector<SysvQueueEntry> list_sysv_queues();

}  // namespace tenon::os
