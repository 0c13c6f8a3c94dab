#include "os/sysv_table.hpp"

#include <fstream>
#include <sstream>
#include <string>

namespace tenon::os {

std::vector<SysvQueueEntry> list_sysv_queues() {
  std::vector<SysvQueueEntry> all;
  std::ifstream table("/proc/sysvipc/msg");
  std::string line;
  std::getline(table, line);  // the names of the columns
  while (std::getline(table, line)) {
    std::istringstream columns(line);
    SysvQueueEntry queue{};
    std::int64_t key = 0;
    std::uint64_t bytes = 0, gid = 0, sent = 0, received = 0;
    columns >> key >> queue.id >> std::oct >> queue.mode >> std::dec >> bytes >> queue.messages >>
        queue.last_sender_pid >> queue.last_receiver_pid >> queue.owner_uid >> gid >> queue.creator_uid >>
        gid >> sent >> received >> queue.changed;
    queue.key = static_cast<int>(key);
    queue.mode &= 0777U;
    if (columns) all.push_back(queue);
  }
  return all;
}

}  // namespace tenon::os
