// Sizes and durations as people write them: 64K, 4M, 250ms, 5s.
#pragma once

#include <chrono>
#include <cstdint>
#include <string>
#include <string_view>

#include <tenon/error.hpp>
#include <tenon/export.hpp>

namespace tenon {

/// A number of bytes: digits with an optional K, M, G or T (powers of 1024; a following B or iB is allowed).
/// Errors: invalid_argument (says what is accepted; also when it exceeds 64 bits).
TENON_EXPORT Result<std::uint64_t> parse_size(std::string_view text);

/// A duration: digits, optionally with a fraction, and ns, us, ms, s, m or h. "0" needs no unit.
/// Errors: invalid_argument.
TENON_EXPORT Result<std::chrono::nanoseconds> parse_duration(std::string_view text);

/// "1.5 MiB", "64 B".
TENON_EXPORT std::string format_size(std::uint64_t bytes);

}  // namespace tenon
