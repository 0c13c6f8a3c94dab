// Waiting for one of several descriptors, and for a time.
#pragma once

#include <cstdint>
#include <span>

namespace bench {

/// Sleeps until one of them is readable, for at most 50 ms.
void wait_readable(std::span<const int> descriptors);

/// Until now_ns() is `until_ns`: sleeps for the most of it, and spins for the rest.
void wait_until(std::int64_t until_ns) noexcept;

}  // namespace bench
