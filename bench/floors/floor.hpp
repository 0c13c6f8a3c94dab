// The raw floors: each mechanism with nothing but its own system calls, or bare memory, written as well as one can,
// for two processes that trust each other and know the size of every message. What tenon costs is measured against
// these. They promise nothing of what a channel promises: no deadlines, no death, no strangers.
#pragma once

#include <string_view>

#include "bench/link.hpp"

namespace bench {

/// How to make the floor of one row. `what` says in a line what is called.
struct Floor {
  std::string_view row;  ///< as in rows.cpp: "unix", "unix seqpacket"
  std::string_view what;
  tenon::Result<MeetingPtr> (*prepare)(const Setting& setting);
};

/// Null if there is none.
const Floor* floor_of(std::string_view row) noexcept;

tenon::Result<MeetingPtr> prepare_pipe_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_fifo_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_unix_stream_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_unix_seqpacket_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_unix_dgram_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_tcp_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_udp_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_posix_queue_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_sysv_queue_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_file_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_memory_floor(const Setting& setting);
tenon::Result<MeetingPtr> prepare_mapped_file_floor(const Setting& setting);

}  // namespace bench
