// Workloads that are about channels and not about messages: several clients of one listener, connecting, memory.
#pragma once

#include <memory>
#include <span>
#include <string>
#include <vector>

#include "bench/link.hpp"
#include "bench/workload.hpp"

namespace bench {

inline constexpr unsigned fan_in_clients = 4;
inline constexpr std::size_t memory_channels = 8;

/// How many processes take part. Side 1 listens; the others are its clients.
unsigned sides_of(Workload workload) noexcept;

/// The part of one side of Workload::fan_in or connect, at `address`.
tenon::Result<void> work_on_channels(const Load& load, unsigned side, const std::string& address,
                                     Waiting waiting, Exchange& exchange);

/// The part of one side of Workload::memory: joins all meetings, each with an exchange of its own, sends a message
/// there and back over each, and reports in `messages` how much memory the process has more for each.
tenon::Result<void> work_on_memory(std::span<const MeetingPtr> meetings, std::span<Exchange> exchanges,
                                   unsigned side, std::size_t size, Exchange& exchange);

}  // namespace bench
