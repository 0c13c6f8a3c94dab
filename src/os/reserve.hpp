// Storage that is really there before anyone maps it: on a full device a store into a mapping is SIGBUS, an
// allocation ahead of it is an error that can be told.
#pragma once

#include <cstdint>
#include <string>
#include <string_view>

#include <tenon/error.hpp>

namespace tenon::os {

/// Makes `fd` (a file or shared memory) `size` bytes long, all of them allocated; those that are new are
/// zero. Never shrinks. Its length changes once, at the end, so that another process sees the old or the new
/// one; on an error the length is the old one. Refuses what cannot fit before it fills the machine's memory,
/// and never raises SIGXFSZ. `size` is at least 1. `operation` and `subject` go into the error:
/// resource_limit with what is needed and what is free. `first`, once it is known that there is room, may allocate as
/// it likes.
Result<void> reserve(int fd, std::uint64_t size, std::string_view operation, const std::string& subject,
                     void (*first)(int fd, std::uint64_t size) noexcept = nullptr);

/// The content of a one-line file below /proc/sys, for an error text; `unknown` where it cannot be read.
std::string system_limit(const char* path);

}  // namespace tenon::os
