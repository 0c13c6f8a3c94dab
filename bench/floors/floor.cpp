#include "bench/floors/floor.hpp"

#include <array>

namespace bench {
namespace {

constexpr std::array table{
    Floor{"pipe", "two pipes: write(2), read(2)", prepare_pipe_floor},
    Floor{"fifo", "two FIFOs: write(2), read(2)", prepare_fifo_floor},
    Floor{"unix", "stream socket: send(2), recv(2)", prepare_unix_stream_floor},
    Floor{"fd", "stream socket pair: send(2), recv(2)", prepare_unix_stream_floor},
    Floor{"unix seqpacket", "seqpacket socket: send(2), recv(2)", prepare_unix_seqpacket_floor},
    Floor{"unix dgram", "datagram sockets: send(2), recv(2)", prepare_unix_dgram_floor},
    Floor{"tcp", "TCP on loopback, TCP_NODELAY: send(2), recv(2)", prepare_tcp_floor},
    Floor{"udp", "UDP on loopback, connected: send(2), recv(2)", prepare_udp_floor},
    Floor{"posix-mq", "two queues: mq_send(3), mq_receive(3)", prepare_posix_queue_floor},
    Floor{"sysv-mq", "two queues: msgsnd(2), msgrcv(2)", prepare_sysv_queue_floor},
    Floor{"file", "two files: write(2), pread(2), inotify(7)", prepare_file_floor},
    Floor{"shm", "a ring of slots in shared memory; futex(2) to sleep", prepare_memory_floor},
    Floor{"mmap", "a ring of slots in a mapped file; futex(2) to sleep", prepare_mapped_file_floor},
};

}  // namespace

const Floor* floor_of(std::string_view row) noexcept {
  for (const Floor& floor : table) {
    if (floor.row == row) return &floor;
  }
  return nullptr;
}

}  // namespace bench
